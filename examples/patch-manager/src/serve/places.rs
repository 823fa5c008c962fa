//! Limits the number of connections, in total and per address.

use std::{net::IpAddr, sync::Arc};

use ipnet::{IpNet, Ipv6Net};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::counts::{Counted, Counts};

/// The slots for connections. An eighth of them are spare: they serve connections without an ordinary slot,
/// so that an operator gets an answer under any load.
#[derive(Clone, Debug)]
pub(crate) struct Places(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    all: usize,
    room: Arc<Semaphore>,
    ordinary: Arc<Semaphore>,
    spare: Arc<Semaphore>,
    /// The ordinary slots of each address.
    addresses: Arc<Counts<IpAddr>>,
    /// Proxies, which many clients share.
    proxies: Vec<IpNet>,
}

/// Capacity for one more connection from any address.
#[derive(Debug)]
pub(super) struct Room {
    places: Places,
    permit: OwnedSemaphorePermit,
}

/// The slot of a connection. Dropping it frees the slot.
#[derive(Debug)]
pub(super) struct Place {
    is_spare: bool,
    /// The address's count. `None` for a spare slot, and for a proxy.
    _address: Option<Counted<IpAddr>>,
    _permits: [OwnedSemaphorePermit; 2],
}

/// The number of descriptors that a process requests from the system.
const DESCRIPTORS: u64 = 8_192;
/// The maximum number of concurrently served connections.
const MOST: usize = 2_048;
/// The number of connections of a monitoring listener.
const FEW: usize = 64;

impl Places {
    /// Creates slots for half of the process's descriptors. The rest is for agents, targets and the
    /// database. The limit per address does not apply to proxies.
    pub(crate) fn of_this_process(proxies: Vec<IpNet>) -> Self {
        let limit = getrlimit(Resource::Nofile);
        let wanted = DESCRIPTORS.min(limit.maximum.unwrap_or(DESCRIPTORS));
        let current = limit.current.unwrap_or(wanted);
        let raised = Rlimit { current: Some(wanted), maximum: limit.maximum };
        let has = match current < wanted && setrlimit(Resource::Nofile, raised).is_ok() {
            true => wanted,
            false => current,
        };
        Self::new(usize::try_from(has / 2).unwrap_or(MOST).clamp(16, MOST), proxies)
    }

    /// Creates a few slots, for a listener that only monitoring uses.
    pub(crate) fn small() -> Self {
        Self::new(FEW, Vec::new())
    }

    fn new(all: usize, proxies: Vec<IpNet>) -> Self {
        let spare = all / 8;
        let ordinary = all - spare;
        let semaphore = |permits| Arc::new(Semaphore::new(permits));
        Self(Arc::new(Inner {
            all,
            room: semaphore(all),
            ordinary: semaphore(ordinary),
            spare: semaphore(spare),
            addresses: Counts::new(ordinary * 3 / 4),
            proxies,
        }))
    }

    /// Returns the total number of slots.
    pub(crate) fn all(&self) -> usize {
        self.0.all
    }

    /// Returns whether others are likely to wait for a slot.
    pub(crate) fn are_taken(&self) -> bool {
        self.0.ordinary.available_permits() == 0
    }

    /// Waits until there is capacity for a connection.
    pub(super) async fn room(&self) -> Option<Room> {
        let permit = Arc::clone(&self.0.room).acquire_owned().await.ok()?;
        Some(Room { places: self.clone(), permit })
    }

    /// Returns an ordinary slot, if one is free and the address has not used its share.
    fn ordinary(&self, address: IpAddr) -> Option<(Option<Counted<IpAddr>>, OwnedSemaphorePermit)> {
        let permit = Arc::clone(&self.0.ordinary).try_acquire_owned().ok()?;
        if self.0.proxies.iter().any(|proxy| proxy.contains(&address)) {
            return Some((None, permit));
        }
        let counted = self.0.addresses.begin(network_of(address))?;
        Some((Some(counted), permit))
    }
}

/// Returns the address that a connection counts for. An IPv6 client has a whole network of addresses.
fn network_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => Ipv6Net::new(v6, 64).map_or(address, |net| net.network().into()),
    }
}

impl Room {
    /// Returns the slot of a connection from this address. Without an ordinary slot, it waits for a spare
    /// one, which is soon free.
    pub(super) async fn place_for(self, address: IpAddr) -> Option<Place> {
        let Self { places, permit } = self;
        if let Some((address, ordinary)) = places.ordinary(address) {
            return Some(Place {
                is_spare: false,
                _address: address,
                _permits: [permit, ordinary],
            });
        }
        let spare = Arc::clone(&places.0.spare).acquire_owned().await.ok()?;
        Some(Place { is_spare: true, _address: None, _permits: [permit, spare] })
    }
}

impl Place {
    pub(super) const fn is_spare(&self) -> bool {
        self.is_spare
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn take(places: &Places, address: &str) -> Place {
        let room = places.room().await.expect("room");
        room.place_for(address.parse().expect("an address")).await.expect("a place")
    }

    /// F251: an address gets at most three quarters of the ordinary slots, an IPv6 network counts as one
    /// address, a proxy has no such limit, and a returned slot is free.
    #[tokio::test]
    async fn f251_one_address_leaves_places_to_others() {
        let places = Places::new(64, vec!["10.0.0.0/8".parse().expect("a network")]);
        let mut held = Vec::new();
        for number in 0..42 {
            let place = take(&places, &format!("2001:db8::{number}")).await;
            assert!(!place.is_spare());
            held.push(place);
        }
        let spare = take(&places, "2001:db8::ffff").await;
        assert!(spare.is_spare());
        drop(spare);
        assert!(!take(&places, "2001:db8:0:1::1").await.is_spare(), "another network");
        held.pop();
        let again = take(&places, "2001:db8::1").await;
        assert!(!again.is_spare());
        for _ in 0..14 {
            let place = take(&places, "10.1.2.3").await;
            assert!(!place.is_spare());
            held.push(place);
        }
        assert!(places.are_taken());
        for _ in 0..8 {
            let place = take(&places, "192.0.2.1").await;
            assert!(place.is_spare());
            held.push(place);
        }
        drop((held, again));
        assert_eq!(places.0.ordinary.available_permits(), 56);
        assert!(places.0.addresses.lock().is_empty());
    }
}

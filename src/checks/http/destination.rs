//! Decides which addresses an HTTP check may connect to (H4).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use thiserror::Error;

/// Judges every address before a connection, at every hop, including literal addresses.
///
/// Private ranges are legitimate targets. Loopback, link-local (with cloud metadata), multicast,
/// unspecified, reserved and broadcast addresses are refused unless [`allowed`](Self::allowed) contains
/// them. The same holds for IPv4 addresses that are embedded in IPv6 addresses.
#[derive(Clone, Debug)]
pub struct DestinationPolicy {
    /// Ranges that are exempt from the refusal of special ranges.
    pub allowed: Vec<IpNet>,
    /// Destinations that are always refused, such as the listeners of the manager and its database.
    pub also_denied: Vec<DeniedDestination>,
    /// Ports that are refused because they do not speak HTTP (H1).
    pub denied_ports: Vec<u16>,
    /// If set, the only ranges that may be connected to.
    pub only: Option<Vec<IpNet>>,
    /// Ports that are refused at every address of this machine: the ports of the manager's own listeners
    /// (F256).
    pub local_ports: Vec<u16>,
}

/// A destination that is always refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DeniedDestination {
    /// The addresses.
    pub network: IpNet,
    /// The port. `None` means every port.
    pub port: Option<u16>,
}

/// The error of a refused address. The text is deliberately vague, so that it does not help a prober.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("the policy refuses this destination")]
pub struct DestinationRefused;

impl Default for DestinationPolicy {
    fn default() -> Self {
        Self {
            allowed: Vec::new(),
            also_denied: Vec::new(),
            denied_ports: vec![22, 25, 465, 587, 5_432, 6_379, 11_211],
            only: None,
            local_ports: Vec::new(),
        }
    }
}

impl DestinationPolicy {
    /// Judges an address and port.
    ///
    /// # Errors
    /// Fails if the policy refuses it.
    pub fn judge(&self, address: IpAddr, port: u16) -> Result<(), DestinationRefused> {
        let forms = forms(address);
        let within = |networks: &[IpNet]| {
            forms.iter().any(|form| networks.iter().any(|network| network.contains(form)))
        };
        let denied = self.also_denied.iter().any(|denied| {
            denied.port.is_none_or(|denied_port| denied_port == port)
                && forms.iter().any(|form| denied.network.contains(form))
        });
        let outside = self.only.as_ref().is_some_and(|only| !within(only));
        let own = self.local_ports.contains(&port) && forms.iter().any(|form| is_local(*form));
        if denied || own || outside || self.denied_ports.contains(&port) {
            return Err(DestinationRefused);
        }
        if !within(&self.allowed) && forms.iter().any(|form| is_special(*form)) {
            return Err(DestinationRefused);
        }
        Ok(())
    }
}

/// Returns the address and its embedded IPv4 address, if any.
fn forms(address: IpAddr) -> Vec<IpAddr> {
    let embedded = match address {
        IpAddr::V4(_) => None,
        IpAddr::V6(address) => embedded_ipv4(address),
    };
    match embedded {
        // `::` and `::1` are addresses in their own right, not only forms of 0.0.0.0 and 0.0.0.1.
        Some(embedded) => vec![IpAddr::V4(embedded), address],
        None => vec![address],
    }
}

/// Returns whether an address currently belongs to this machine, by its routing table. Sends nothing.
fn is_local(address: IpAddr) -> bool {
    if address.is_loopback() || address.is_unspecified() {
        return true;
    }
    let any: IpAddr = match address {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    // A packet to an address of this machine also has that address as its source.
    let source = UdpSocket::bind((any, 0)).and_then(|socket| {
        socket.connect((address, 9))?;
        socket.local_addr()
    });
    source.is_ok_and(|source| source.ip() == address)
}

/// Returns the IPv4 address in a mapped, compatible, translated (RFC 2765, RFC 6052, RFC 8215), 6to4
/// (RFC 3056) or ISATAP (RFC 5214) address.
fn embedded_ipv4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let bytes = address.octets();
    let at = |offset: usize| {
        Ipv4Addr::new(bytes[offset], bytes[offset + 1], bytes[offset + 2], bytes[offset + 3])
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0 | 0xffff, ..]
        | [0x64, 0xff9b, 0, 0, 0, 0, ..]
        | [0, 0, 0, 0, 0xffff, 0, ..]
        | [_, _, _, _, 0 | 0x200, 0x5efe, ..]
        | [0x64, 0xff9b, 1, ..] => Some(at(12)),
        [0x2002, ..] => Some(at(2)),
        _ => None,
    }
}

fn is_special(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => SPECIAL_V4.iter().any(|network| network.contains(&address)),
        IpAddr::V6(address) => SPECIAL_V6.iter().any(|network| network.contains(&address)),
    }
}

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(first: u16, second: u16, last: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(first, second, 0, 0, 0, 0, 0, last), prefix)
}

const SPECIAL_V4: [Ipv4Net; 8] = [
    v4(0, 0, 0, 0, 8),
    v4(127, 0, 0, 0, 8),
    // Link-local, including the metadata services of most clouds.
    v4(169, 254, 0, 0, 16),
    v4(224, 0, 0, 0, 4),
    v4(240, 0, 0, 0, 4),
    // Metadata services outside the link-local range. The first range is for protocols, and includes one as
    // well.
    v4(192, 0, 0, 0, 24),
    v4(100, 100, 100, 200, 32),
    v4(168, 63, 129, 16, 32),
];

const SPECIAL_V6: [Ipv6Net; 9] = [
    v6(0, 0, 0, 128),
    v6(0, 0, 1, 128),
    v6(0xfe80, 0, 0, 10),
    v6(0xff00, 0, 0, 8),
    // Networks of metadata services within the unique local addresses. No one picks them by chance.
    v6(0xfd00, 0xec2, 0, 32),
    v6(0xfd00, 0x42, 0, 32),
    v6(0xfd00, 0xc1, 0, 32),
    v6(0xfd20, 0xce, 0, 32),
    // Teredo, whose inner address is hidden.
    v6(0x2001, 0, 0, 32),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(policy: &DestinationPolicy, address: &str) -> bool {
        policy.judge(address.parse().expect("an address"), 80).is_ok()
    }

    /// F96: special addresses are refused in every notation.
    #[test]
    fn f96_special_addresses_are_refused_in_every_form() {
        let policy = DestinationPolicy::default();
        for address in [
            "127.0.0.1",
            "127.255.255.255",
            "0.0.0.0",
            "0.1.2.3",
            "169.254.169.254",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "100.100.100.200",
            "168.63.129.16",
            "::",
            "::1",
            "fe80::1",
            "febf::1",
            "ff02::1",
            "fd00:ec2::254",
            "fd00:ec2::23",
            "fd00:ec2:ffff::1",
            "fd00:42::42",
            "fd00:c1::a9fe:a9fe",
            "fd20:ce::254",
            "192.0.0.192",
            "::ffff:192.0.0.192",
            "::ffff:0:127.0.0.1",
            "::ffff:0:169.254.169.254",
            "2001:db8::5efe:127.0.0.1",
            "2001:db8::200:5efe:169.254.169.254",
            "2001::1",
            "2001:0:53aa:64c:0:0:80ff:fffe",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::7f00:1",
            "2002:7f00:1::",
            "2002:a9fe:a9fe::1",
            "::ffff:169.254.169.254",
            "::ffff:0.0.0.0",
        ] {
            assert!(!judge(&policy, address), "{address}");
        }
    }

    #[test]
    fn private_and_public_addresses_are_legitimate() {
        let policy = DestinationPolicy::default();
        for address in [
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "93.184.216.34",
            "fd12::1",
            "2606:2800:220:1::1",
            "::ffff:10.0.0.1",
            "::ffff:0:10.0.0.1",
            "2001:db8::5efe:10.0.0.1",
            "fd00:ec3::254",
            "192.0.2.1",
            "2002:a00:1::",
            "2001:db8::1",
            "168.63.129.17",
        ] {
            assert!(judge(&policy, address), "{address}");
        }
    }

    #[test]
    fn an_allowed_range_is_exempt_and_a_denied_destination_wins_over_it() {
        let network = |text: &str| -> IpNet { text.parse().expect("a network") };
        let policy = DestinationPolicy {
            allowed: vec![network("127.0.0.0/8")],
            also_denied: vec![
                DeniedDestination { network: network("127.0.0.9/32"), port: None },
                DeniedDestination { network: network("127.0.0.1/32"), port: Some(8_080) },
            ],
            ..DestinationPolicy::default()
        };
        assert!(judge(&policy, "127.0.0.1"));
        assert!(judge(&policy, "::ffff:127.0.0.1"));
        assert!(!judge(&policy, "127.0.0.9"));
        assert!(!judge(&policy, "::ffff:127.0.0.9"));
        assert!(!judge(&policy, "169.254.1.1"));
        let own = "127.0.0.1".parse().expect("an address");
        assert_eq!(policy.judge(own, 8_080), Err(DestinationRefused));
        assert_eq!(policy.judge(own, 5_432), Err(DestinationRefused));
    }

    /// F256: a port of this machine is refused at all of its addresses, and nowhere else.
    #[test]
    fn f256_own_ports_are_refused_at_every_local_address() {
        let network = |text: &str| -> IpNet { text.parse().expect("a network") };
        let policy = DestinationPolicy {
            allowed: vec![network("0.0.0.0/0"), network("::/0")],
            local_ports: vec![8_080],
            ..DestinationPolicy::default()
        };
        let judged = |address: IpAddr, port| policy.judge(address, port).is_ok();
        let mut local: Vec<IpAddr> =
            ["127.0.0.1", "127.9.9.9", "0.0.0.0", "::1", "::", "::ffff:127.0.0.1"]
                .map(|text| text.parse().expect("an address"))
                .to_vec();
        // The address that this machine shows to others, if it is on a network.
        let shown = UdpSocket::bind("0.0.0.0:0").and_then(|socket| {
            socket.connect("192.0.2.1:9")?;
            socket.local_addr()
        });
        local.extend(shown.map(|shown| shown.ip()));
        for address in local {
            assert!(!judged(address, 8_080), "{address}");
            assert!(judged(address, 8_081), "{address}");
        }
        assert!(judged("192.0.2.1".parse().expect("an address"), 8_080));
    }

    #[test]
    fn a_policy_can_narrow_destinations_to_a_list() {
        let only = Some(vec!["10.1.0.0/16".parse().expect("a network")]);
        let policy = DestinationPolicy { only, ..DestinationPolicy::default() };
        assert!(judge(&policy, "10.1.2.3"));
        assert!(!judge(&policy, "10.2.0.1"));
    }

    /// F97: addresses in any notation are judged as the parser reads them.
    #[test]
    fn f97_odd_spellings_of_loopback_are_refused() {
        let policy = DestinationPolicy::default();
        for text in [
            "http://0177.0.0.1/",
            "http://0x7f.1/",
            "http://2130706433/",
            "http://127.1/",
            "http://0.0.0.0/",
            "http://１２７.0.0.1/",
            "http://127.0.0.1./",
            "http://[::ffff:7f00:1]/",
        ] {
            let url = url::Url::parse(text).expect("a URL");
            let address = match url.host() {
                Some(url::Host::Ipv4(address)) => IpAddr::V4(address),
                Some(url::Host::Ipv6(address)) => IpAddr::V6(address),
                other => panic!("{text} is no address but {other:?}"),
            };
            assert!(policy.judge(address, 80).is_err(), "{text}");
        }
    }
}

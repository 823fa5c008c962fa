//! One caller's event stream: the events that the caller may see, in order.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use axum::response::sse::Event;
use tokio::sync::{OwnedSemaphorePermit, broadcast};
use tracing::warn;

use super::{HEARTBEAT, Numbered, counts::CountedStream};
use crate::{
    api::{Problem, forms::EventForm, state::Parts},
    model::{Actor, HostId},
    store::StoreEvent,
};

/// The interval at which the caller's rights are checked again.
const RIGHTS_HOLD: Duration = Duration::from_secs(3);
/// The maximum number of events processed in one step.
const BATCH: usize = 256;

/// One caller's stream.
pub(super) struct Reader {
    api: Arc<Parts>,
    rights: Rights,
    events: broadcast::Receiver<Arc<Numbered>>,
    /// Events that are not yet filtered by the caller's rights.
    missed: VecDeque<Arc<Numbered>>,
    ready: VecDeque<Event>,
    _counted: (CountedStream, OwnedSemaphorePermit),
}

impl Reader {
    pub(super) fn open(api: Arc<Parts>, actor: Actor, last: Option<&str>) -> Result<Self, Problem> {
        let hub = api.events.0.clone();
        let too_many = |detail| Problem::unavailable("too_many_streams", detail);
        let of_user = hub.of_users.open(&actor.name);
        let of_user =
            of_user.ok_or_else(|| too_many("you have too many event streams open: close some"))?;
        let permit = hub.streams.clone().try_acquire_owned();
        let permit = permit.map_err(|_| too_many("too many event streams are open: try later"))?;
        let line = hub.line();
        let line = line.as_ref().ok_or_else(|| {
            Problem::unavailable(
                "events_unavailable",
                "events are not available now: try again later",
            )
        })?;
        let greeting = Event::default().comment("connected").retry(Duration::from_secs(2));
        let mut ready = VecDeque::from([greeting.id(line.id(line.next - 1))]);
        let missed = last.map(|id| line.after(id));
        match &missed {
            None => {}
            // If the connection broke in between, the greeting's id would hide the events after it.
            Some(Some(_)) => ready.clear(),
            Some(None) => ready.push_back(form(&StoreEvent::Resync, line.id(line.next - 1))),
        }
        let rights = Rights { actor, asked_at: None, visible: HashMap::new() };
        let (events, missed) = (line.readers.subscribe(), missed.flatten().unwrap_or_default());
        Ok(Self { api, rights, events, missed, ready, _counted: (of_user, permit) })
    }

    /// Returns the next event that the caller may see, or `None` at the end of the stream.
    pub(super) async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            let batch = self.batch().await?;
            let visible = self.rights.visible(&self.api, &batch).await?;
            self.ready = visible.iter().map(|event| form(&event.event, event.id.clone())).collect();
        }
    }

    /// Returns the available events. Returns none after some silence, because the rights may have changed
    /// meanwhile, and `None` if the hub has stopped or the reader is too slow.
    async fn batch(&mut self) -> Option<Vec<Arc<Numbered>>> {
        let mut batch: Vec<_> = self.missed.drain(..self.missed.len().min(BATCH)).collect();
        if batch.is_empty() {
            tokio::select! {
                biased;
                event = self.events.recv() => batch.push(event.ok()?),
                () = self.api.events.0.clock.sleep(HEARTBEAT) => return Some(batch),
            }
        }
        while batch.len() < BATCH && self.missed.is_empty() {
            match self.events.try_recv() {
                Ok(event) => batch.push(event),
                Err(broadcast::error::TryRecvError::Empty) => break,
                Err(_) => return None,
            }
        }
        Some(batch)
    }
}

/// The hosts that a stream's caller may see, checked again every few seconds.
struct Rights {
    actor: Actor,
    asked_at: Option<Duration>,
    visible: HashMap<HostId, bool>,
}

impl Rights {
    /// Returns those of these events that the caller may see. Returns `None` if the rights are unknown, or
    /// the caller may no longer see anything.
    async fn visible(
        &mut self,
        api: &Parts,
        batch: &[Arc<Numbered>],
    ) -> Option<Vec<Arc<Numbered>>> {
        match self.ask(api, batch).await {
            Ok(true) => {}
            Ok(false) => return None,
            Err(problem) => {
                warn!(%problem, actor = %self.actor.name, "an event stream ends");
                return None;
            }
        }
        let may_see = |event: &&Arc<Numbered>| match event.event.host_id() {
            Some(host) => self.visible.get(&host).copied().unwrap_or(false),
            None => true,
        };
        Some(batch.iter().filter(may_see).cloned().collect())
    }

    async fn ask(&mut self, api: &Parts, batch: &[Arc<Numbered>]) -> Result<bool, Problem> {
        let now = api.events.0.clock.monotonic();
        if self.asked_at.is_none_or(|asked_at| now.saturating_sub(asked_at) >= RIGHTS_HOLD) {
            self.visible.clear();
            self.asked_at = Some(now);
            match api.authorizer.refresh(&self.actor).await? {
                Some(actor) => self.actor = actor,
                None => return Ok(false),
            }
        }
        let mut hosts: Vec<HostId> =
            batch.iter().filter_map(|event| event.event.host_id()).collect();
        hosts.sort_unstable();
        hosts.dedup();
        hosts.retain(|host| !self.visible.contains_key(host));
        let access = api.access(&self.actor, &hosts).await?;
        self.visible.extend(hosts.into_iter().map(|host| (host, access.contains_key(&host))));
        Ok(true)
    }
}

fn form(event: &StoreEvent, id: String) -> Event {
    let (name, data) = EventForm::of(event);
    Event::default().event(name).id(id).data(data)
}

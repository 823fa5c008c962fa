//! The event stream: changes of statuses and gates, for callers who may see their hosts.

mod counts;
mod reader;

use std::{
    collections::VecDeque,
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::{Stream, stream};
use tokio::sync::{Semaphore, broadcast};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use uuid::Uuid;

use self::{counts::StreamCounts, reader::Reader};
use super::{Api, Caller, Problem, openapi::problems};
use crate::{
    clock::Clock,
    store::{Store, StoreEvent},
};

/// The number of events kept for returning readers and for slow readers.
const KEPT: usize = 1_024;
/// The silence after which a comment is sent, so that no proxy treats the connection as dead.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Reads the store's change feed once and distributes it to every event stream of the process.
///
/// All buffers are bounded. The last 1,024 events are kept for readers that return with `Last-Event-ID`. A
/// reader that falls further behind is disconnected, and reconnects by itself.
#[derive(Clone, Debug)]
pub struct EventHub(Arc<Hub>);

#[derive(Debug)]
struct Hub {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    streams: Arc<Semaphore>,
    of_users: Arc<StreamCounts>,
    turn: tokio::sync::Mutex<()>,
    line: Mutex<Option<Line>>,
}

/// The events since the hub started.
#[derive(Debug)]
struct Line {
    /// Identifies the hub's start, because event numbers restart with it.
    start: Uuid,
    next: u64,
    kept: VecDeque<Arc<Numbered>>,
    readers: broadcast::Sender<Arc<Numbered>>,
}

#[derive(Debug)]
struct Numbered {
    id: String,
    number: u64,
    event: StoreEvent,
}

impl EventHub {
    /// The default maximum number of concurrently open streams. One user can have at most an eighth of
    /// them, or 8 if that is more.
    pub const DEFAULT_STREAMS: usize = 1_024;

    pub(super) fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, streams: usize) -> Self {
        let of_users = Arc::new(StreamCounts::new((streams / 8).max(8)));
        let streams = Arc::new(Semaphore::new(streams.min(Semaphore::MAX_PERMITS)));
        Self(Arc::new(Hub {
            store,
            clock,
            streams,
            of_users,
            turn: tokio::sync::Mutex::default(),
            line: Mutex::default(),
        }))
    }

    /// Feeds the streams until `shutdown` is cancelled, and then ends them. A second call waits for its
    /// turn. Dropping the future ends the streams too. [`Api::run`] includes this.
    pub async fn run(&self, shutdown: CancellationToken) {
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = self.feed() => {}
        }
    }

    /// Returns whether streams are fed.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.0.line().is_some()
    }

    async fn feed(&self) {
        let _turn = self.0.turn.lock().await;
        let _end = EndOfLine(&self.0);
        let mut pause = Duration::from_secs(1);
        loop {
            match self.0.store.subscribe().await {
                Ok(mut changes) => {
                    pause = Duration::from_secs(1);
                    self.0.begin();
                    while let Some(event) = changes.next().await {
                        self.0.publish(event);
                    }
                    info!("the store's change feed ended; subscribing anew");
                }
                Err(error) => warn!(%error, "the store's change feed cannot be read"),
            }
            self.0.clock.sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(30));
        }
    }
}

/// Ends every stream when the hub stops, even if it is dropped.
struct EndOfLine<'a>(&'a Hub);

impl Drop for EndOfLine<'_> {
    fn drop(&mut self) {
        *self.0.line() = None;
    }
}

impl Hub {
    fn line(&self) -> MutexGuard<'_, Option<Line>> {
        // No code under this lock panics halfway through a change.
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens the line. If it is already open, events were missed.
    fn begin(&self) {
        let mut line = self.line();
        match line.as_mut() {
            Some(line) => line.publish(StoreEvent::Resync),
            None => {
                *line = Some(Line {
                    start: Uuid::now_v7(),
                    next: 1,
                    kept: VecDeque::with_capacity(KEPT),
                    readers: broadcast::Sender::new(KEPT),
                });
            }
        }
    }

    fn publish(&self, event: StoreEvent) {
        if let Some(line) = self.line().as_mut() {
            line.publish(event);
        }
    }
}

impl Line {
    fn publish(&mut self, event: StoreEvent) {
        let number = self.next;
        self.next += 1;
        let numbered = Arc::new(Numbered { id: self.id(number), number, event });
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(numbered.clone());
        let _ = self.readers.send(numbered);
    }

    fn id(&self, number: u64) -> String {
        format!("{}.{number}", self.start.simple())
    }

    /// Returns the events after the one with this id, or `None` if they are no longer known.
    fn after(&self, id: &str) -> Option<VecDeque<Arc<Numbered>>> {
        let (start, number) = id.split_once('.')?;
        let number: u64 = number.parse().ok()?;
        let oldest = self.kept.front().map_or(self.next, |event| event.number);
        let known = start == self.start.simple().to_string()
            && (oldest.saturating_sub(1)..self.next).contains(&number);
        known.then(|| self.kept.iter().filter(|event| event.number > number).cloned().collect())
    }
}

fn stream(reader: Reader) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold(reader, |mut reader| async move {
        let event = reader.next().await?;
        Some((Ok(event), reader))
    })
}

problems! {
    /// The problems of opening a stream.
    EventProblems {
        503: ["events_unavailable", "too_many_streams", "store_unavailable"],
    }
}

/// Streams changes as server-sent events.
///
/// The events are `check_status` (`CheckStatusEvent`), `gate` (`GateEvent`), and `resync` (`{}`) if events
/// were missed: reload what you display. Only events of hosts that the caller may see are sent. A comment
/// follows 15 s of silence. Reconnect with `Last-Event-ID` to receive missed events. A reader that is too
/// slow is disconnected.
#[utoipa::path(
    get,
    path = "/api/v1/events",
    tag = "events",
    params(("Last-Event-ID" = Option<String>, Header, description = "the last event's id")),
    responses(
        (status = 200, description = "the events", body = String, content_type = "text/event-stream"),
        EventProblems,
    ),
)]
pub(super) async fn events(
    State(api): State<Api>,
    Caller(actor): Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let reader = Reader::open(api.0.clone(), actor, last)?;
    let alive = KeepAlive::new().interval(HEARTBEAT).text("alive");
    let mut response = Sse::new(stream(reader)).keep_alive(alive).into_response();
    // Disables nginx's buffering of events.
    let header = HeaderName::from_static("x-accel-buffering");
    response.headers_mut().insert(header, HeaderValue::from_static("no"));
    Ok(response)
}

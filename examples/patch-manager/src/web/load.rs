//! So much at the same time, and no more (F126): what comes beyond it is told at once to come back.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    http::{HeaderValue, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use healthgate::api::Problem;
use tokio::{sync::Semaphore, time::timeout};

use crate::serve::Places;

/// The most requests that are worked on at the same time. Each holds a body of 64 KiB at most.
const REQUESTS: usize = 256;
/// The longest that a request is worked on, its body's arrival included; the database's own bounds and
/// a check that is tested are shorter. Event streams are answered at once and bounded by number.
const LONGEST: Duration = Duration::from_secs(90);

/// What a process has room for.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    requests: Arc<Semaphore>,
    places: Places,
}

impl Load {
    pub(crate) fn new(places: Places) -> Self {
        Self { requests: Arc::new(Semaphore::new(REQUESTS)), places }
    }

    /// How many event streams may be open: half of the connections are left to everything else.
    pub(super) const fn streams(&self) -> usize {
        self.places.all() / 2
    }
}

/// Works on a request where there is room, and else answers 503 at once. While others wait for a
/// connection, nobody keeps one.
pub(super) async fn bound(State(load): State<Load>, request: Request, next: Next) -> Response {
    let answer = match load.requests.try_acquire() {
        Ok(_room) => timeout(LONGEST, next.run(request)).await.unwrap_or_else(|_| {
            Problem::unavailable("too_slow", "this took too long: try again").into_response()
        }),
        Err(_) => Problem::unavailable("overloaded", "too much is asked at once: try again soon")
            .into_response(),
    };
    leaving(&load, answer)
}

/// The same for what is never refused.
pub(super) async fn unbound(State(load): State<Load>, request: Request, next: Next) -> Response {
    leaving(&load, next.run(request).await)
}

fn leaving(load: &Load, mut answer: Response) -> Response {
    if load.places.are_taken() {
        answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

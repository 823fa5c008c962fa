//! Limits concurrent requests (F126, F254). A request beyond the limit is answered immediately with a
//! request to retry.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    http::{HeaderValue, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use healthgate::{api::Problem, model::Role};
use tokio::{sync::Semaphore, time::timeout};

use super::auth::is_stream;
use crate::serve::{Counted, Counts, OnSparePlace, Places};

/// The maximum number of concurrent requests. Each holds a body of at most 512 KiB.
const REQUESTS: usize = 256;
/// The maximum number of these for one user.
const OF_A_USER: usize = 64;
/// The maximum number of additional requests for administrators and for health probes.
const SPARE: usize = 32;
/// The time limit of a request, including its body's arrival. The database's own limits and a test of a
/// check are shorter. Event streams are answered immediately and limited by number.
const LONGEST: Duration = Duration::from_secs(90);

/// The capacity of a process for requests.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    requests: Arc<Semaphore>,
    spare: Arc<Semaphore>,
    /// The requests of each user.
    users: Arc<Counts<String>>,
    places: Places,
}

/// Marks a request without ordinary capacity: only privileged callers may continue.
#[derive(Clone, Copy, Debug)]
struct InSpareRoom;

impl Load {
    pub(crate) fn new(places: Places) -> Self {
        Self {
            requests: Arc::new(Semaphore::new(REQUESTS)),
            spare: Arc::new(Semaphore::new(SPARE)),
            users: Counts::new(OF_A_USER),
            places,
        }
    }

    /// Returns the maximum number of event streams, which leaves half of the connections to other requests.
    pub(super) fn streams(&self) -> usize {
        self.places.all() / 2
    }

    /// Admits a user's request if the user has not too many. It counts until the returned value is dropped.
    pub(super) fn of_user(
        &self,
        user: &str,
        role: Role,
        request: &Request,
    ) -> Result<Counted<String>, Problem> {
        if is_spare(request) && role != Role::Admin {
            return Err(overloaded());
        }
        self.users.begin(user.to_owned()).ok_or_else(|| {
            let detail = "you have too many requests in progress: wait for their answers";
            Problem::unavailable("overloaded", detail)
        })
    }
}

fn is_spare(request: &Request) -> bool {
    request.extensions().get::<InSpareRoom>().is_some()
}

fn overloaded() -> Problem {
    Problem::unavailable("overloaded", "the server is overloaded: try again soon")
}

/// Handles a request if there is capacity, and otherwise answers 503 immediately. While others wait for a
/// connection, no connection is kept open.
pub(super) async fn bound(State(load): State<Load>, mut request: Request, next: Next) -> Response {
    let on_spare_place = request.extensions().get::<OnSparePlace>().is_some();
    let ordinary = if on_spare_place { None } else { load.requests.try_acquire().ok() };
    if ordinary.is_none() {
        request.extensions_mut().insert(InSpareRoom);
    }
    let answer = match ordinary.map_or_else(|| load.spare.try_acquire(), Ok) {
        Ok(_room) => timeout(LONGEST, next.run(request)).await.unwrap_or_else(|_| {
            Problem::unavailable("too_slow", "the request took too long: try again").into_response()
        }),
        Err(_) => overloaded().into_response(),
    };
    if on_spare_place && is_stream(&answer) {
        // The connection would otherwise keep its slot indefinitely.
        return leaving(&load, overloaded().into_response());
    }
    leaving(&load, answer)
}

/// Refuses requests without ordinary capacity, on routes that anyone may call and that can wait.
pub(super) async fn ordinary(request: Request, next: Next) -> Response {
    if is_spare(&request) { overloaded().into_response() } else { next.run(request).await }
}

/// Does the same as [`bound`] for requests that are never refused.
pub(super) async fn unbound(State(load): State<Load>, request: Request, next: Next) -> Response {
    leaving(&load, next.run(request).await)
}

fn leaving(load: &Load, mut answer: Response) -> Response {
    if load.places.are_taken() {
        answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

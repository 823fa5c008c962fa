//! So much at the same time, and no more (F126, F254): what comes beyond it is told at once to come back.

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

/// The most requests that are worked on at the same time. Each holds a body of 512 KiB at most.
const REQUESTS: usize = 256;
/// The most of them that are one user's.
const OF_A_USER: usize = 64;
/// The most further requests that are worked on for administrators, and for whoever asks whether the
/// process works.
const SPARE: usize = 32;
/// The longest that a request is worked on, its body's arrival included; the database's own bounds and
/// a check that is tested are shorter. Event streams are answered at once and bounded by number.
const LONGEST: Duration = Duration::from_secs(90);

/// What a process has room for.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    requests: Arc<Semaphore>,
    spare: Arc<Semaphore>,
    /// The requests of each user.
    users: Arc<Counts<String>>,
    places: Places,
}

/// Marks a request that found no ordinary room: only who is always let in may go on.
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

    /// How many event streams may be open: half of the connections are left to everything else.
    pub(super) fn streams(&self) -> usize {
        self.places.all() / 2
    }

    /// Lets a user's request go on if they do not have too many. It counts until what is returned is dropped.
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
            let detail = "too many requests of yours are under way: wait for their answers";
            Problem::unavailable("overloaded", detail)
        })
    }
}

fn is_spare(request: &Request) -> bool {
    request.extensions().get::<InSpareRoom>().is_some()
}

fn overloaded() -> Problem {
    Problem::unavailable("overloaded", "too much is asked at once: try again soon")
}

/// Works on a request where there is room, and else answers 503 at once. While others wait for a
/// connection, nobody keeps one.
pub(super) async fn bound(State(load): State<Load>, mut request: Request, next: Next) -> Response {
    let on_spare_place = request.extensions().get::<OnSparePlace>().is_some();
    let ordinary = if on_spare_place { None } else { load.requests.try_acquire().ok() };
    if ordinary.is_none() {
        request.extensions_mut().insert(InSpareRoom);
    }
    let answer = match ordinary.map_or_else(|| load.spare.try_acquire(), Ok) {
        Ok(_room) => timeout(LONGEST, next.run(request)).await.unwrap_or_else(|_| {
            Problem::unavailable("too_slow", "this took too long: try again").into_response()
        }),
        Err(_) => overloaded().into_response(),
    };
    if on_spare_place && is_stream(&answer) {
        // It would keep the place for as long as it likes.
        return leaving(&load, overloaded().into_response());
    }
    leaving(&load, answer)
}

/// Refuses what found no ordinary room. For routes that anybody may ask, and that can wait.
pub(super) async fn ordinary(request: Request, next: Next) -> Response {
    if is_spare(&request) { overloaded().into_response() } else { next.run(request).await }
}

/// The same as [`bound`] for what is never refused.
pub(super) async fn unbound(State(load): State<Load>, request: Request, next: Next) -> Response {
    leaving(&load, next.run(request).await)
}

fn leaving(load: &Load, mut answer: Response) -> Response {
    if load.places.are_taken() {
        answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

//! The event stream: who sees what, coming back, silence, slow readers.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use axum::{body::BodyDataStream, http::StatusCode};
use futures_util::{FutureExt, StreamExt};
use healthgate::{
    api::{AuditScope, AuthorizeError, Authorizer, HostAccess},
    model::{Actor, HostId},
    store::GateStore,
    testing::fixtures,
};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::world::{
    ADMIN, FOREIGN, OPERATOR, OWN, REPORTER, Twist, World, check_path, world, world_with,
};

const EVENTS: &str = "/api/v1/events";

/// A stream that is being read.
struct Reading {
    body: BodyDataStream,
    text: String,
}

#[derive(Clone, PartialEq, Debug, Default)]
struct SseEvent {
    event: String,
    id: String,
    data: Value,
    comment: String,
}

impl Reading {
    async fn open(world: &World, user: &str, last: Option<&str>) -> Self {
        let call = world.call("GET", EVENTS).by(user);
        let call = match last {
            Some(id) => call.header("last-event-id", id),
            None => call,
        };
        let response = world.app.clone().oneshot(call.request()).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        Self { body: response.into_body().into_data_stream(), text: String::new() }
    }

    /// The next block of the stream; `None` at its end.
    async fn next(&mut self) -> Option<SseEvent> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                return Some(SseEvent::read(&block));
            }
            let bytes = self.body.next().await?.unwrap();
            self.text.push_str(std::str::from_utf8(&bytes).unwrap());
        }
    }

    /// The next event, comments aside.
    async fn event(&mut self) -> Option<SseEvent> {
        loop {
            let seen = self.next().await?;
            if !seen.event.is_empty() {
                return Some(seen);
            }
        }
    }
}

impl SseEvent {
    fn read(block: &str) -> Self {
        let mut seen = Self::default();
        for line in block.lines() {
            match line.split_once(": ").or_else(|| line.split_once(':')) {
                Some(("event", name)) => seen.event = name.to_owned(),
                Some(("id", id)) => seen.id = id.to_owned(),
                Some(("data", data)) => seen.data = serde_json::from_str(data).unwrap(),
                Some(("", comment)) => seen.comment = comment.to_owned(),
                Some(("retry", _)) => {}
                other => panic!("{other:?} in {block}"),
            }
        }
        seen
    }
}

#[tokio::test]
async fn without_the_hub_there_are_no_events_and_the_answer_says_so() {
    let world = world();
    let reply = world.get(ADMIN, EVENTS).await;
    assert_eq!(reply.told(), (503, "events_unavailable"));
    assert!(reply.headers.contains_key("retry-after"));
}

#[tokio::test]
async fn everybody_sees_the_events_of_their_hosts_alone() {
    let world = world();
    let _running = world.run_events().await;
    let mut streams = Vec::new();
    for user in [ADMIN, OPERATOR, REPORTER] {
        streams.push(Reading::open(&world, user, None).await);
    }
    let foreign = world.service_check(FOREIGN, "hidden").await;
    let own = world.service_check(OWN, "sshd").await;
    world.store.open_gate(fixtures::request(1, OWN, chrono::TimeDelta::hours(1))).await.unwrap();
    let status = |host: HostId, check| {
        json!({
            "host_id": host, "check_id": check, "status": "unknown", "reason": null, "checked_at": null,
        })
    };
    let first = streams[0].event().await.unwrap();
    assert_eq!((&*first.event, first.data), ("check_status", status(FOREIGN, foreign)));
    for stream in &mut streams {
        let seen = stream.event().await.unwrap();
        assert_eq!((&*seen.event, seen.data), ("check_status", status(OWN, own)));
        let seen = stream.event().await.unwrap();
        assert_eq!(seen.event, "gate");
        let expected = json!({
            "job_id": fixtures::job(1), "host_id": OWN, "state": "waiting", "kind": null,
            "next_attempt_at": null,
        });
        assert_eq!(seen.data, expected);
    }
}

/// Rights are read again while the stream is open; a host that moves away is silent after seconds.
#[tokio::test]
async fn f119_an_open_stream_follows_the_rights() {
    let world = world();
    let _running = world.run_events().await;
    let mut stream = Reading::open(&world, OPERATOR, None).await;
    let (own, foreign) =
        (world.service_check(OWN, "a").await, world.service_check(FOREIGN, "b").await);
    let rename = async |host, check, name: &str| {
        let change = json!({"name": name});
        assert_eq!(world.put(ADMIN, check_path(host, check), &change).await.status, 200);
    };
    rename(OWN, own, "x").await;
    for _ in 0..2 {
        assert_eq!(stream.event().await.unwrap().data["host_id"], json!(OWN));
    }
    world.directory.insert(OWN, None, &["db"]);
    world.directory.insert(FOREIGN, None, &["web"]);
    world.clock.advance(Duration::from_secs(4));
    rename(OWN, own, "y").await;
    rename(FOREIGN, foreign, "y").await;
    assert_eq!(stream.event().await.unwrap().data["host_id"], json!(FOREIGN));
}

/// Who comes back with the last event's id gets what happened meanwhile; with an id that is not known
/// any more, `resync`.
#[tokio::test]
async fn a_reader_that_comes_back_gets_what_it_missed_or_resync() {
    let world = world();
    let _running = world.run_events().await;
    let mut stream = Reading::open(&world, OPERATOR, None).await;
    let greeting = stream.next().await.unwrap();
    assert!(greeting.event.is_empty() && !greeting.id.is_empty(), "{greeting:?}");
    let first = world.service_check(OWN, "a").await;
    let seen = stream.event().await.unwrap();
    drop(stream);
    world.service_check(FOREIGN, "hidden").await;
    let second = world.service_check(OWN, "b").await;
    let mut again = Reading::open(&world, OPERATOR, Some(&seen.id)).await;
    assert_eq!(again.event().await.unwrap().data["check_id"], json!(second));
    let mut from_start = Reading::open(&world, OPERATOR, Some(&greeting.id)).await;
    for check in [first, second] {
        assert_eq!(from_start.event().await.unwrap().data["check_id"], json!(check));
    }
    let start = seen.id.split_once('.').unwrap().0;
    for unknown in ["x", "", "7", &format!("{start}.999"), &format!("{}.1", "0".repeat(32))] {
        let mut stream = Reading::open(&world, OPERATOR, Some(unknown)).await;
        let seen = stream.event().await.unwrap();
        assert_eq!((&*seen.event, seen.data), ("resync", json!({})), "{unknown}");
    }
}

/// After more than is kept, the last id is not known any more.
#[tokio::test]
async fn what_is_kept_is_bounded_and_a_slow_reader_is_dropped() {
    let world = world();
    let _running = world.run_events().await;
    let check = world.service_check(OWN, "a").await;
    let mut slow = Reading::open(&world, OPERATOR, None).await;
    let greeting = slow.next().await.unwrap();
    let mut quick = Reading::open(&world, OPERATOR, None).await;
    for number in 0..1_100 {
        let change = json!({"name": format!("n{number}")});
        world.put(ADMIN, check_path(OWN, check), &change).await;
        assert_eq!(quick.event().await.unwrap().event, "check_status");
    }
    let mut got = 0;
    while slow.next().await.is_some() {
        got += 1;
    }
    assert!(got < 1_100, "{got} events were kept for a slow reader");
    let mut late = Reading::open(&world, OPERATOR, Some(&greeting.id)).await;
    assert_eq!(late.event().await.unwrap().event, "resync");
}

/// In silence a comment comes every 15 seconds, and nothing else.
#[tokio::test(start_paused = true)]
async fn a_comment_comes_after_fifteen_seconds_of_silence() {
    let world = world();
    let _running = world.run_events().await;
    let mut stream = Reading::open(&world, REPORTER, None).await;
    stream.next().await.unwrap();
    for _ in 0..3 {
        let before = tokio::time::Instant::now();
        let seen = stream.next().await.unwrap();
        assert!(seen.event.is_empty() && !seen.comment.is_empty(), "{seen:?}");
        assert_eq!(before.elapsed().as_secs(), 15);
    }
}

/// Streams end with the hub, so that a server can stop gracefully; there are only so many of them.
#[tokio::test]
async fn streams_end_with_the_hub_and_are_few() {
    let world = world_with(Twist {
        build: Some(|builder| builder.with_event_streams(2)),
        ..Twist::default()
    });
    let running = world.run_events().await;
    let mut one = Reading::open(&world, ADMIN, None).await;
    let two = Reading::open(&world, ADMIN, None).await;
    assert_eq!(world.get(ADMIN, EVENTS).await.told(), (503, "too_many_streams"));
    drop(two);
    drop(Reading::open(&world, ADMIN, None).await);
    assert!(one.next().await.is_some());
    assert!(one.next().now_or_never().is_none());
    drop(running);
    assert_eq!(one.next().await, None);
    while world.api.events().is_running() {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.get(ADMIN, EVENTS).await.told(), (503, "events_unavailable"));
}

/// 0: everything; 1: the user is gone; 2: it cannot be told.
#[derive(Debug, Default)]
struct Turns(AtomicU8);

#[async_trait]
impl Authorizer for Turns {
    async fn access(
        &self,
        _: &Actor,
        hosts: &[HostId],
    ) -> Result<std::collections::HashMap<HostId, HostAccess>, AuthorizeError> {
        match self.0.load(Ordering::SeqCst) {
            2 => Err(AuthorizeError::new("down")),
            _ => Ok(hosts.iter().map(|host| (*host, HostAccess::Administer)).collect()),
        }
    }

    async fn audit_scope(&self, _: &Actor) -> Result<AuditScope, AuthorizeError> {
        Ok(AuditScope::All)
    }

    async fn refresh(&self, actor: &Actor) -> Result<Option<Actor>, AuthorizeError> {
        Ok((self.0.load(Ordering::SeqCst) != 1).then(|| actor.clone()))
    }
}

/// A stream on which nothing happens ends all the same: rights are read again with each heartbeat.
#[tokio::test]
async fn f119_a_silent_stream_ends_when_its_user_is_gone() {
    let rights = Arc::new(Turns::default());
    let world = world_with(Twist { authorizer: Some(rights.clone()), ..Twist::default() });
    let _running = world.run_events().await;
    let mut stream = Reading::open(&world, REPORTER, None).await;
    let greeting = stream.next().await.unwrap();
    assert!(greeting.event.is_empty());
    for turn in [0, 1] {
        rights.0.store(turn, Ordering::SeqCst);
        // It must be waiting before its time passes.
        assert!(stream.next().now_or_never().is_none());
        world.clock.advance(Duration::from_secs(15));
        if turn == 0 {
            assert!(stream.next().now_or_never().is_none(), "nothing has changed");
        }
    }
    let end = tokio::time::timeout(Duration::from_secs(10), stream.next()).await;
    assert_eq!(end.expect("it ends by itself"), None);
}

/// A stream whose user is gone, or whose rights cannot be read, ends at the next event.
#[tokio::test]
async fn a_stream_ends_when_its_user_may_not_see_anything_any_more() {
    for turn in [1, 2] {
        let rights = Arc::new(Turns::default());
        let world = world_with(Twist { authorizer: Some(rights.clone()), ..Twist::default() });
        let _running = world.run_events().await;
        let mut stream = Reading::open(&world, REPORTER, None).await;
        world.service_check(OWN, "a").await;
        assert_eq!(stream.event().await.unwrap().event, "check_status");
        world.clock.advance(Duration::from_secs(4));
        world
            .store
            .open_gate(fixtures::request(1, OWN, chrono::TimeDelta::hours(1)))
            .await
            .unwrap();
        rights.0.store(turn, Ordering::SeqCst);
        assert_eq!(stream.event().await, None, "{turn}");
    }
}

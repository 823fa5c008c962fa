//! Events as a browser gets them: soon, complete, and for whoever may see them.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use futures_util::StreamExt as _;
use healthgate_testkit::{Postgres, ServiceScript};
use serde_json::{Value, json};
use tokio::{sync::Notify, task::JoinHandle};
use uuid::Uuid;

use crate::manager::{Api, Kind, LONG, Setup, checks_of};

/// The stated bound on what passes between a change and its event in the browser.
const SOON: Duration = Duration::from_secs(2);

/// An event, and when it arrived.
#[derive(Clone, Debug)]
struct Arrived {
    at: Instant,
    time: DateTime<Utc>,
    name: String,
    data: Value,
}

/// A stream that is read for as long as this value lives.
struct Reading {
    events: Arc<Mutex<Vec<Arrived>>>,
    came: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Reading {
    async fn open(api: &Api) -> Self {
        let stream = api.stream("/api/v1/events").await;
        assert!(stream.status().is_success(), "{stream:?}");
        let kind = stream.headers()["content-type"].to_str().unwrap();
        assert!(kind.starts_with("text/event-stream"));
        let (events, came) = (Arc::<Mutex<Vec<_>>>::default(), Arc::new(Notify::new()));
        let (kept, told) = (events.clone(), came.clone());
        let task = tokio::spawn(async move {
            let (mut text, mut chunks) = (String::new(), stream.bytes_stream());
            while let Some(Ok(chunk)) = chunks.next().await {
                text.push_str(std::str::from_utf8(&chunk).unwrap());
                while let Some((block, rest)) = text.split_once("\n\n") {
                    let field = |name: &str| {
                        let mut lines = block.lines();
                        lines.find_map(|line| line.strip_prefix(name)).map(str::trim)
                    };
                    if let Some(name) = field("event:") {
                        let (at, time, name) = (Instant::now(), Utc::now(), name.to_owned());
                        let data = serde_json::from_str(field("data:").unwrap()).unwrap();
                        kept.lock().unwrap().push(Arrived { at, time, name, data });
                        told.notify_one();
                    }
                    text = rest.to_owned();
                }
            }
        });
        Self { events, came, task }
    }

    fn all(&self) -> Vec<Arrived> {
        self.events.lock().unwrap().clone()
    }

    /// The first event after `from` others that is as wanted.
    async fn arrival(&self, from: usize, wanted: impl Fn(&Arrived) -> bool) -> Arrived {
        self.nth_arrival(from, 0, wanted).await
    }

    async fn nth_arrival(
        &self,
        from: usize,
        nth: usize,
        wanted: impl Fn(&Arrived) -> bool,
    ) -> Arrived {
        let waiting = async {
            loop {
                let events = self.all().into_iter().skip(from);
                if let Some(event) = events.filter(|event| wanted(event)).nth(nth) {
                    return event;
                }
                self.came.notified().await;
            }
        };
        let arrived = tokio::time::timeout(LONG, waiting).await;
        arrived.unwrap_or_else(|_| panic!("no such event came: {:#?}", self.all()))
    }
}

/// Web and two workers as processes of their own, with others asking at the same time. Each change is
/// held against the moment in which the API itself first shows it.
#[tokio::test(flavor = "multi_thread")]
async fn events_arrive_within_two_seconds_of_what_the_api_shows() {
    let setup = Setup::new(Kind::Postgres).await;
    let web = setup.start("web");
    let _workers = [setup.spawn("worker", "info"), setup.spawn("worker", "info")];
    let api = setup.client(&web, "ada");
    let host = setup.hosts[0];
    let check = api.service_check(host, "nginx").await;
    let one = format!("{}/{check}", checks_of(host));
    api.until(&one, |check| check["status"] == "healthy").await;
    let reading = Reading::open(&api).await;
    let others = (0..6).map(|_| {
        let api = api.clone();
        tokio::spawn(async move {
            loop {
                api.get("/api/v1/hosts").await.expect(200);
            }
        })
    });
    let others: Vec<_> = others.collect();
    let (mut lags, mut since_run) = (Vec::new(), Vec::new());
    for round in 0..6 {
        let (script, status) = match round % 2 {
            0 => (ServiceScript::Failed, "unhealthy"),
            _ => (ServiceScript::Healthy, "healthy"),
        };
        let from = reading.all().len();
        setup.agents[0].set("nginx", script);
        let shown = async {
            api.until(&one, |check| check["status"] == status).await;
            Instant::now()
        };
        let told = reading.arrival(from, |event| {
            event.name == "check_status"
                && event.data["check_id"] == check.to_string()
                && event.data["status"] == status
        });
        let (shown, told) = tokio::join!(shown, told);
        lags.push(told.at.saturating_duration_since(shown));
        let ran_at: DateTime<Utc> = told.data["checked_at"].as_str().unwrap().parse().unwrap();
        since_run.push((told.time - ran_at).num_milliseconds());
    }
    // A change through the API, and a job to its end.
    for name in ["a", "b", "c"] {
        let from = reading.all().len();
        api.put(&one, json!({"name": name})).await.expect(200);
        let shown = Instant::now();
        let told = reading.arrival(from, |event| {
            event.data["check_id"] == check.to_string() && event.data["status"] == "unknown"
        });
        lags.push(told.await.at.saturating_duration_since(shown));
    }
    let from = reading.all().len();
    let job = api.job(&[host], 60).await;
    let path = format!("/api/v1/jobs/{job}");
    let spent =
        |event: &Arrived| event.data["job_id"] == job.to_string() && event.data["state"] == "spent";
    // A gate is spent when the patch begins, and told of once more when the patch has ended.
    for (nth, statuses) in [&["patching", "succeeded"][..], &["succeeded"]].iter().enumerate() {
        let shown = async {
            api.until(&path, |job| {
                statuses.iter().any(|status| job["hosts"][0]["status"] == *status)
            })
            .await;
            Instant::now()
        };
        let (shown, told) = tokio::join!(shown, reading.nth_arrival(from, nth, spent));
        lags.push(told.at.saturating_duration_since(shown));
    }
    for other in others {
        other.abort();
    }
    let most = lags.iter().max().unwrap();
    println!(
        "events arrive at most {most:?} after the API shows the change ({lags:?}); ms since the run \
         that turned a status: {since_run:?}"
    );
    assert!(*most < SOON, "{lags:?}");
}

/// Who reads a job afresh with each event of its gate, and never else, sees every end: that of a patch,
/// of a wait, of a host that was queued behind another job, and a cancellation.
async fn whoever_reads_with_each_event_sees_every_end(kind: Kind) {
    let setup = Setup::new(kind).await;
    let (web, _worker) = setup.start_whole();
    let api = setup.client(&web, "ada");
    let reading = Reading::open(&api).await;
    for (agent, host) in setup.agents.iter().zip(&setup.hosts).skip(1) {
        agent.set("nginx", ServiceScript::Failed);
        api.service_check(*host, "nginx").await;
    }
    // The status and the detail of a job's only host, as read with each event of it.
    let follow = async |job: Uuid, wanted: &[(&str, &str)]| {
        let (mut seen, mut next) = (Vec::new(), 0);
        let path = format!("/api/v1/jobs/{job}");
        let mut wanted = wanted.iter();
        let mut now = wanted.next();
        while let Some((status, detail)) = now {
            let of_job = |event: &Arrived| event.data["job_id"] == job.to_string();
            reading.arrival(next, of_job).await;
            next = reading.all().len();
            let host = api.get(&path).await.expect(200)["hosts"][0].clone();
            let (is, says) = (host["status"].clone(), host["detail"].as_str().unwrap().to_owned());
            if is == *status && says.contains(detail) {
                now = wanted.next();
            }
            seen.push((is, says));
        }
        seen
    };
    let patched = api.job(&setup.hosts[..1], 60).await;
    follow(patched, &[("succeeded", "patched")]).await;
    let holder = api.job(&setup.hosts[1..2], 300).await;
    follow(holder, &[("waiting_health_check", "nginx")]).await;
    let queued = api.job(&setup.hosts[1..2], 300).await;
    follow(queued, &[("queued", "another job")]).await;
    let closing = api.job(&setup.hosts[2..], 4).await;
    follow(closing, &[("waiting_health_check", "nginx"), ("failed", "closed at")]).await;
    for job in [queued, holder] {
        let (api, path) = (api.clone(), format!("/api/v1/jobs/{job}/cancel"));
        let cancelled = async { api.post(&path, json!({})).await.expect(200) };
        tokio::join!(cancelled, follow(job, &[("cancelled", "the job was cancelled")]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_reads_with_each_event_sees_every_end_on_sqlite() {
    whoever_reads_with_each_event_sees_every_end(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_reads_with_each_event_sees_every_end_on_postgres() {
    whoever_reads_with_each_event_sees_every_end(Kind::Postgres).await;
}

/// F119: an open stream shows what its user may see now, and ends when they are gone, also in silence.
#[tokio::test(flavor = "multi_thread")]
async fn f119_a_stream_follows_its_users_role_and_ends_with_them() {
    let setup = Setup::new(Kind::Postgres).await;
    let web = setup.start("web");
    let ada = setup.client(&web, "ada");
    let mut checks = Vec::new();
    for host in &setup.hosts {
        checks.push(ada.service_check(*host, "nginx").await);
    }
    let touch = async |index: usize, name: &str| {
        let one = format!("{}/{}", checks_of(setup.hosts[index]), checks[index]);
        ada.put(&one, json!({"name": name})).await.expect(200);
    };
    let of = |host: Uuid| move |event: &Arrived| event.data["host_id"] == host.to_string();
    // `ada` stays what she is; `oscar` becomes an administrator and then nothing.
    let oscar = Reading::open(&setup.client(&web, "oscar")).await;
    let mut rita = Reading::open(&setup.client(&web, "rita")).await;
    touch(1, "hidden").await;
    touch(0, "shown").await;
    oscar.arrival(0, of(setup.hosts[0])).await;
    assert!(oscar.all().iter().all(of(setup.hosts[0])), "{:?}", oscar.all());
    let sql = |statement: &str| Postgres::shared().sql(&setup.database, statement).unwrap();
    sql("update users set role = 'admin' where name = 'oscar'");
    sql("delete from users where name = 'rita'");
    let started = Instant::now();
    while !oscar.all().iter().any(of(setup.hosts[1])) {
        assert!(started.elapsed() < LONG, "the new role shows nothing: {:?}", oscar.all());
        touch(1, &format!("now {:?}", started.elapsed())).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    sql("update users set role = 'operator' where name = 'oscar'");
    let started = Instant::now();
    // Rights are held for seconds; after that a foreign host's event comes no more.
    loop {
        let before = oscar.all().len();
        touch(1, &format!("then {:?}", started.elapsed())).await;
        touch(0, &format!("then {:?}", started.elapsed())).await;
        oscar.arrival(before, of(setup.hosts[0])).await;
        if oscar.all().iter().skip(before).all(of(setup.hosts[0])) {
            break;
        }
        assert!(started.elapsed() < LONG, "the role before still shows");
    }
    drop(oscar);
    let ended = tokio::time::timeout(LONG, &mut rita.task).await;
    ended.expect("the stream of a user who is gone ends").unwrap();
    // The same where nothing happens: nobody polls, and nobody writes any more.
    let mut otto = Reading::open(&setup.client(&web, "otto")).await;
    sql("delete from users where name = 'otto'");
    let ended = tokio::time::timeout(LONG, &mut otto.task).await;
    ended.expect("a silent stream of a user who is gone ends").unwrap();
}

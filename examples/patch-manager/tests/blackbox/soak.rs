//! Real processes, a real Postgres and real agents under faults at random: workers are killed and stopped, and their
//! clocks step; the database crashes, is cut off, has its disk filled, and gives way to its replica; agents vanish,
//! services fail and recover, jobs come and are cancelled. Afterwards the records are held against what the agents
//! really said.
//!
//! `scripts/soak` runs it for minutes; the suite runs it for seconds. The seed is printed, and decides which faults
//! come in which order. Their exact times are the machine's.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    process::Command,
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};
use healthgate_testkit::{Postgres, PostgresBuilder, Proxy, ServiceScript, SmallDisk, Stop};
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::{Config, TestRng, TestRunner},
};
use serde_json::{Value, json};
use tokio::{task::block_in_place, time::sleep};
use uuid::Uuid;

use crate::{
    fake_time::FakeTime,
    manager::{Api, Kind, Process, Setup},
};

/// The longest that a worker is stopped, with the timeout of a check and the time for its answer to be used.
const SLACK: TimeDelta = TimeDelta::seconds(12);

/// When an agent may have answered that its service is healthy.
#[derive(Default, Debug)]
struct Truth {
    healthy: Vec<(DateTime<Utc>, Option<DateTime<Utc>>)>,
}

impl Truth {
    fn turn(&mut self, healthy: bool, from: DateTime<Utc>) {
        match self.healthy.last_mut() {
            Some((_, end @ None)) if !healthy => *end = Some(from),
            Some((_, None)) => {}
            _ if healthy => self.healthy.push((from, None)),
            _ => {}
        }
    }

    fn may_have_been_healthy(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> bool {
        self.healthy.iter().any(|(start, end)| *start <= to && end.is_none_or(|end| end >= from))
    }
}

/// What a run has done, so that one that did nothing is seen.
#[derive(Default, Debug)]
struct Counts(BTreeMap<&'static str, u32>);

impl Counts {
    fn add(&mut self, what: &'static str) {
        *self.0.entry(what).or_default() += 1;
    }

    fn of(&self, what: &str) -> u32 {
        self.0.get(what).copied().unwrap_or_default()
    }
}

/// A server on a disk of its own, which can be filled.
struct Database {
    server: Postgres,
    /// `None` where this user may not mount.
    disk: Option<SmallDisk>,
}

impl Database {
    /// Room for some minutes of results, and for the log that a replica may still want.
    const KIBIBYTES: u32 = 400 * 1024;

    fn start(builder: PostgresBuilder) -> Self {
        let disk = SmallDisk::mount(Self::KIBIBYTES).ok();
        let builder = builder.with_setting("max_wal_size", "64MB");
        let builder = builder.with_setting("wal_keep_size", "64MB");
        let builder = match &disk {
            Some(disk) => builder.with_directory(disk.path()),
            None => builder,
        };
        Self { server: builder.start().unwrap(), disk }
    }

    /// Starts the server if it has ended by itself, as it does if it cannot write its log.
    fn revive(&self) {
        if self.server.sql("postgres", "select 1").is_err() {
            self.server.restart(Stop::Crash).unwrap();
        }
    }
}

struct Soak {
    setup: Setup,
    primary: Database,
    replica: Database,
    /// All processes reach the database through it.
    proxy: Proxy,
    /// The clock of the workers, apart from that of the database and the agents.
    time: FakeTime,
    api: Api,
    workers: Vec<Process>,
    /// The logs of workers that are gone.
    logs: Vec<String>,
    truth: Vec<Truth>,
    jobs: Vec<String>,
    draws: TestRunner,
    counts: Counts,
}

fn instant(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap_or_else(|| panic!("no instant: {value}")).parse().unwrap()
}

impl Soak {
    async fn new(seed: u64) -> (Self, Process) {
        let (primary, replica) = block_in_place(|| {
            let primary = Database::start(Postgres::builder().with_replicas());
            let replica = Database::start(Postgres::builder().with_primary(&primary.server));
            (primary, replica)
        });
        let server = &primary.server;
        let database = server.create_database().unwrap();
        let proxy = Proxy::to(server.port()).await.unwrap();
        let port = |port: u16| format!(":{port}/");
        let url = server.url(&database).replace(&port(server.port()), &port(proxy.port()));
        assert_ne!(url, server.url(&database), "the proxy is not in the URL");
        let setup = Setup::on(Kind::Postgres, database.clone(), url).await;
        let web = setup.start("web");
        let api = setup.client(&web, "ada");
        let time = FakeTime::new();
        let workers = vec![worker(&setup, &time), worker(&setup, &time)];
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let config = Config::default();
        let rng = TestRng::from_seed(config.rng_algorithm, &bytes);
        let now = Utc::now();
        let truth = (0..3).map(|_| Truth { healthy: vec![(now, None)] }).collect();
        for host in &setup.hosts {
            api.service_check(*host, "nginx").await;
        }
        let draws = TestRunner::new_with_rng(config, rng);
        let (logs, jobs, counts) = (Vec::new(), Vec::new(), Counts::default());
        let soak = Self {
            setup,
            primary,
            replica,
            proxy,
            time,
            api,
            workers,
            logs,
            truth,
            jobs,
            draws,
            counts,
        };
        (soak, web)
    }

    fn draw(&mut self, below: usize) -> usize {
        (0..below).new_tree(&mut self.draws).unwrap().current()
    }

    /// Sets what a host's service says from now on. The truth is wide: healthy from before the change, failing
    /// from after it.
    fn turn(&mut self, host: usize, healthy: bool) {
        let before = Utc::now();
        let script = if healthy { ServiceScript::Healthy } else { ServiceScript::Failed };
        self.setup.agents[host].set("nginx", script);
        self.truth[host].turn(healthy, if healthy { before } else { Utc::now() });
        self.counts.add(if healthy { "recoveries" } else { "failures" });
    }

    async fn step(&mut self) {
        let host = self.draw(3);
        match self.draw(16) {
            0 | 1 => self.turn(host, false),
            2 | 3 => self.turn(host, true),
            4..=6 => self.begin(host).await,
            7 => {
                let one = self.draw(self.workers.len());
                let killed = self.workers.remove(one);
                self.logs.push(killed.logs());
                killed.kill();
                self.workers.push(worker(&self.setup, &self.time));
                self.counts.add("kills");
            }
            8 => {
                let one = self.draw(self.workers.len());
                let id = self.workers[one].id().to_string();
                let length = Duration::from_millis(200 + 100 * self.draw(40) as u64);
                signal("-STOP", &id);
                sleep(length).await;
                signal("-CONT", &id);
                self.counts.add("stops");
            }
            9 => {
                let how = if self.draw(2) == 0 { Stop::Orderly } else { Stop::Crash };
                block_in_place(|| self.primary.server.restart(how)).unwrap();
                self.counts.add("restarts of the database");
            }
            10 => {
                self.setup.agents[host].pause().await;
                sleep(Duration::from_millis(500 + 100 * self.draw(30) as u64)).await;
                self.setup.agents[host].resume().unwrap();
                self.counts.add("outages of an agent");
            }
            11 => {
                self.proxy.cut(true);
                sleep(Duration::from_millis(300 + 100 * self.draw(40) as u64)).await;
                self.proxy.cut(false);
                self.counts.add("cuts of the network");
            }
            12 => {
                let shifts = ["+0", "+0", "+2s", "-2s", "+40s", "-40s", "+40m", "-40m", "+30h"];
                let shift = shifts[self.draw(shifts.len())];
                self.time.shift(shift);
                self.counts.add("steps of the workers' clock");
            }
            13 => self.promote().await,
            14 => self.fill_disk().await,
            _ => {
                if let Some(path) = self.jobs.last().cloned() {
                    let answer = self.api.post(&format!("{path}/cancel"), json!({})).await;
                    self.counts.add(if answer.status.is_success() {
                        "cancellations"
                    } else {
                        "refusals"
                    });
                }
            }
        }
        let pause = Duration::from_millis(100 + 100 * self.draw(12) as u64);
        sleep(pause).await;
    }

    /// Lets the replica take the place of its primary once it has all of its commits, and a new one that of the
    /// replica. A replica that has not caught up in 10 s stays what it is.
    async fn promote(&mut self) {
        self.proxy.cut(true);
        let caught_up = "select count(*) from pg_stat_replication \
                         where replay_lsn = pg_current_wal_lsn()";
        let until = Instant::now() + Duration::from_secs(10);
        let mut ready = false;
        while !ready && Instant::now() < until {
            ready =
                block_in_place(|| self.primary.server.sql("postgres", caught_up)).unwrap() == "1";
            sleep(Duration::from_millis(20)).await;
        }
        if ready {
            let next = block_in_place(|| {
                self.primary.server.stop(Stop::Orderly).unwrap();
                self.replica.server.promote().unwrap();
                Database::start(Postgres::builder().with_primary(&self.replica.server))
            });
            self.primary = std::mem::replace(&mut self.replica, next);
            self.proxy.lead_to(self.primary.server.port());
            self.counts.add("promotions");
        }
        self.proxy.cut(false);
    }

    /// Takes all room from the database for some seconds. It refuses writes, or crashes for want of a log.
    async fn fill_disk(&mut self) {
        let length = Duration::from_millis(500 + 100 * self.draw(40) as u64);
        let Some(disk) = &self.primary.disk else { return };
        block_in_place(|| disk.fill()).unwrap();
        sleep(length).await;
        disk.free().unwrap();
        block_in_place(|| self.primary.revive());
        self.counts.add("full disks");
    }

    /// Begins a job with a window of some seconds. Refused where the database is down; then nothing is known.
    async fn begin(&mut self, host: usize) {
        let opens = Utc::now() + TimeDelta::seconds(self.draw(3) as i64);
        let closes = opens + TimeDelta::seconds(3 + self.draw(15) as i64);
        let window = json!({"opens_at": opens, "closes_at": closes});
        let body = json!({"host_ids": [self.setup.hosts[host]], "window": window});
        let made = self.api.post("/api/v1/jobs", body).await;
        if made.status == 201 {
            let id = made.json()["id"].as_str().unwrap().to_owned();
            self.jobs.push(format!("/api/v1/jobs/{id}"));
            self.counts.add("jobs");
        }
    }

    /// Lets everything end, and holds the records against the truth.
    async fn audit(mut self) -> Counts {
        for host in 0..3 {
            self.turn(host, true);
        }
        let patience = Duration::from_secs(120);
        for path in std::mem::take(&mut self.jobs) {
            let ended = |job: &Value| {
                ["succeeded", "failed", "cancelled"].iter().any(|status| job["status"] == *status)
            };
            let job = self.api.until_in(patience, &path, ended).await;
            let gates = self.api.get(&format!("{path}/gates")).await.expect(200);
            for gate in gates["gates"].as_array().unwrap() {
                self.judge(&job, gate);
            }
        }
        let mut begun = BTreeSet::new();
        self.logs.extend(self.workers.iter().map(Process::logs));
        let lines = self.logs.iter().flat_map(|log| log.lines());
        for line in lines.filter(|line| line.contains("patching begins")) {
            let pass = line.split("pass=").nth(1).expect("the pass is in the line");
            assert!(begun.insert(pass.to_owned()), "a pass was used twice: {line}");
            self.counts.add("patches");
        }
        let verified = self.setup.command(&[
            "audit",
            "verify",
            "--config",
            self.setup.path("manager.toml").to_str().unwrap(),
        ]);
        assert!(verified.success, "{}{}", verified.stdout, verified.stderr);
        self.counts
    }

    fn judge(&mut self, job: &Value, gate: &Value) {
        let host: Uuid = gate["host_id"].as_str().unwrap().parse().unwrap();
        let index = self.setup.hosts.iter().position(|one| *one == host).unwrap();
        let state = gate["state"].as_str().unwrap();
        assert!(!["waiting", "passed"].contains(&state), "G28: a gate of an ended job: {gate:#}");
        let numbers: Vec<u64> = gate["attempts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|attempt| attempt["number"].as_u64().unwrap())
            .collect();
        let contiguous = numbers.windows(2).all(|pair| pair[1] == pair[0] + 1);
        assert!(contiguous, "attempts are missing: {numbers:?} of {gate:#}");
        self.counts.add(match state {
            "spent" => "spent gates",
            "cancelled" => "cancelled gates",
            _ => "other gates",
        });
        let (opens, closes) = (instant(&gate["opens_at"]), instant(&gate["closes_at"]));
        let patched =
            job["hosts"][0]["started_at"].as_str().map(|_| instant(&job["hosts"][0]["started_at"]));
        if let Some(at) = patched {
            let ended = &job["hosts"][0]["finished_at"];
            let ended = ended.as_str().map_or(at, |_| instant(ended));
            assert!(at <= ended && ended <= Utc::now(), "F294: an end of another clock: {job:#}");
            assert!(opens <= at && at < closes, "G10: patched outside the window: {job:#}");
            assert_eq!(state, "spent", "a host was patched without its pass: {gate:#}");
        }
        if gate["pass"].is_null() {
            return;
        }
        let granted = instant(&gate["pass"]["granted_at"]);
        assert!(opens <= granted && granted < closes, "G10: passed outside the window: {gate:#}");
        assert_eq!(gate["pass"]["kind"], "healthy", "{gate:#}");
        let healthy = self.truth[index].may_have_been_healthy(granted - SLACK, granted);
        assert!(healthy, "G1: passed while the service failed: {gate:#}\n{:?}", self.truth[index]);
    }
}

fn worker(setup: &Setup, time: &FakeTime) -> Process {
    let variables = time.variables(|name, value| (name, value.to_owned()));
    let variables: Vec<_> =
        variables.iter().map(|(name, value)| (*name, value.as_path())).collect();
    setup.spawn_with("worker", &variables)
}

fn signal(signal: &str, id: &str) {
    assert!(Command::new("kill").args([signal, id]).status().unwrap().success());
}

/// G1, G10, G28: under all these faults no host is patched while its service fails, outside its window, or twice, and
/// every job ends.
#[tokio::test(flavor = "multi_thread")]
async fn no_fault_of_processes_breaks_a_rule() {
    let number = |name: &str| env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let minutes = number("HEALTHGATE_SOAK_MINUTES");
    let seed = number("HEALTHGATE_SOAK_SEED").unwrap_or_else(|| Uuid::new_v4().as_u64_pair().0);
    println!("seed {seed} (HEALTHGATE_SOAK_SEED)");
    let length =
        minutes.map_or(Duration::from_secs(12), |minutes| Duration::from_secs(minutes * 60));
    let (mut soak, _web) = Soak::new(seed).await;
    let started = Instant::now();
    while started.elapsed() < length {
        soak.step().await;
    }
    let can_mount = soak.primary.disk.is_some();
    let counts = soak.audit().await;
    println!("{counts:?}");
    if minutes.is_some() {
        assert!(counts.of("full disks") > 0 || !can_mount, "no disk was full: {counts:?}");
        for what in [
            "kills",
            "stops",
            "restarts of the database",
            "promotions",
            "cuts of the network",
            "steps of the workers' clock",
            "spent gates",
            "other gates",
        ] {
            assert!(counts.of(what) > 0, "nothing shown: no {what} in {counts:?}");
        }
    }
}

//! A guide for embedders, from the first check to testing your own code against the library.
//!
//! The module contains no code; every snippet is a doc test.
//!
//! The guide builds one application: a manager that patches hosts in maintenance windows, and must not
//! patch an unhealthy one. Operators of the reference application read `docs/operations.md` instead.
//!
//! # Parts
//!
//! You provide the **hosts** (a [`HostDirectory`]), a **store** (a database, or [`MemoryStore`] to start
//! with), and a **clock**. The library provides:
//!
//! - [`CheckManager`], which changes checks: it validates them, seals passwords and writes the audit log.
//! - [`Poller::run`], which runs every enabled check on schedule.
//! - [`GateRunner::run`], which takes every waiting gate forward until it passes or its window ends.
//!
//! They communicate only through the store. Each may run in its own process, and you may run any number of
//! pollers and gate runners. `run` is a future that spawns no task and ends when its token is cancelled.
//!
//! In this guide the clock is a [`ManualClock`] that advances by itself, so hours pass at once, and a script
//! answers the checks. Your program uses [`SystemClock`] and [`CheckRunner`] instead, and nothing else
//! changes.
//!
//! # The front door
//!
//! [`Healthgate`] puts the parts together with one [`Timing`] and one [`Policy`], and refuses values that
//! contradict each other. Your program begins with `Healthgate::builder(store, hosts)`. A test begins with a
//! [`World`], which brings a store, hosts, scripted answers and a manual clock:
//!
//! ```
//! use std::time::Duration;
//! use healthgate::{Timing, chrono::TimeDelta, gate::Admission, model::ReasonCode};
//! use healthgate::testing::{Answer, World, fixtures};
//!
//! let world = World::new();
//! let host = world.host(1);
//! let builder = world.builder().timing(Timing { retry: Duration::from_secs(60), ..Timing::default() });
//! world.play_on(builder, async |healthgate| {
//!     let check = world.check(healthgate, host, "nginx").await;
//!     world.runner.answer(check.id, Answer::new(ReasonCode::ServiceUnhealthy));
//!     let job = async {
//!         let request = fixtures::request(1, host, TimeDelta::hours(1));
//!         healthgate.gate().admit(request).await // waits for a pass, and spends it
//!     };
//!     let repair = async {
//!         healthgate.clock().sleep(Duration::from_secs(600)).await;
//!         world.runner.answer(check.id, Answer::healthy());
//!     };
//!     let (admission, ()) = tokio::join!(job, repair);
//!     let Admission::GoAhead(record) = admission.expect("a store in memory") else { panic!("held") };
//!     assert!(record.attempts > 1); // patch the host now
//! });
//! ```
//!
//! The other chapters put the parts together one by one, to show what each of them does.
//!
//! # Checks
//!
//! A host has up to five checks. A service check asks the host's agent for the state of a unit; an HTTP
//! check requests a URL. One constructor validates user input and reports all violations at once, so an
//! invalid check cannot exist:
//!
//! ```
//! use healthgate::model::{NewCheck, ViolationCode};
//! use serde_json::json;
//!
//! let violations = NewCheck::from_json(json!({
//!     "name": "", "check_type": "http", "url": "ftp://shop.example/", "colour": "red",
//! }))
//! .unwrap_err();
//! assert!(violations.contains("colour", ViolationCode::UnknownField));
//! assert!(violations.as_slice().len() >= 3); // name and URL too
//! ```
//!
//! [`CheckManager`] stores a valid check and its audit record in one step. Authorize the actor first; the
//! manager does not.
//!
//! ```
//! use std::sync::Arc;
//! use healthgate::{checks::*, crypto::*, directory::*, model::*, store::*};
//! use healthgate::testing::{ScriptedRunner, fixtures};
//! # use serde_json::json;
//!
//! let clock = fixtures::clock();
//! let store = Arc::new(MemoryStore::new(Arc::new(clock.clone())));
//! let directory = Arc::new(StaticDirectory::new()); // your hosts, as a trait
//! let host = fixtures::host(1);
//! directory.insert(host, Some(fixtures::agent(1)), &["web"]);
//! let runner = Arc::new(ScriptedRunner::new(Arc::new(clock.clone())));
//! let ring = KeyRing::new(Key::generate()?);
//! let ada = Actor::new("ada", Role::Admin);
//!
//! # clock.clone().drive(async {
//! let keys = register_keys(store.as_ref(), ring, &ada).await?;
//! let checks = CheckManager::new(store.clone(), keys, directory, runner);
//! let new = NewCheck::from_json(json!({
//!     "name": "web server", "check_type": "service", "service_name": "nginx.service",
//! }))?;
//! let check = checks.create(&ada, host, new).await?;
//! assert_eq!(check.revision, 1);
//!
//! // A change contains only the changed members. It raises the revision, so gates ignore earlier results.
//! let change = CheckChange::from_json(json!({"service_name": "caddy.service"}));
//! let check = checks.change(&ada, host, check.id, &change, Some(1)).await?;
//! assert_eq!(check.revision, 2);
//!
//! // A test runs the check now. It is audited, but its result is not stored.
//! let result = checks.test(&ada, host, check.id, None).await?;
//! assert!(result.healthy());
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! # Polling
//!
//! A poller claims due hosts, runs all enabled checks of each host together, and records the results. Every
//! result has a [`ReasonCode`] from a closed vocabulary. Only `ok` is healthy. Every other code says whether
//! the target was observed in that condition or could not be observed. Both fail the check, and so does a
//! missing answer.
//!
//! ```
//! # use std::{sync::Arc, time::Duration};
//! # use healthgate::{directory::*, model::*, store::*};
//! # use healthgate::testing::fixtures;
//! use healthgate::{checks::{Poller, PollerConfig}, clock::Clock};
//! use healthgate::testing::{Answer, ScriptedRunner};
//! # use tokio_util::sync::CancellationToken;
//!
//! # let clock = fixtures::clock();
//! # let shared: Arc<dyn Clock> = Arc::new(clock.clone());
//! # let directory = Arc::new(StaticDirectory::new());
//! # let host = fixtures::host(1);
//! # directory.insert(host, Some(fixtures::agent(1)), &[]);
//! // The status becomes unhealthy only after two failed results in a row.
//! let damping = Damping { unhealthy_after: 2, healthy_after: 1 };
//! let store = Arc::new(MemoryStore::new(shared.clone()).with_damping(damping));
//! let runner = Arc::new(ScriptedRunner::new(shared.clone()));
//! let config = PollerConfig {
//!     unhealthy_interval: Some(Duration::from_secs(60)), // every minute while a check fails
//!     ..PollerConfig::default()                          // otherwise every 5 minutes
//! };
//! let poller = Poller::new(store.clone(), runner.clone(), directory, shared, config)?;
//! let shutdown = CancellationToken::new();
//! # let interval = Duration::from_secs(300);
//!
//! # clock.clone().drive(async {
//! # let check = fixtures::service_check(fixtures::check(1), host, "nginx");
//! # let check = store.insert_check(check, fixtures::audit(AuditAction::HealthCheckCreated)).await?;
//! let story = async {
//!     let status = async || -> Result<CheckStatus, StoreError> {
//!         Ok(store.views(&[host], interval * 2).await?[0].status)
//!     };
//!     clock.sleep(interval * 2).await;
//!     assert_eq!(status().await?, CheckStatus::Healthy);
//!
//!     runner.answer(check.id, Answer::new(ReasonCode::ServiceUnhealthy));
//!     clock.sleep(interval + Duration::from_secs(120)).await;
//!     assert_eq!(status().await?, CheckStatus::Unhealthy);
//!
//!     assert!(poller.health().is_live(Duration::from_secs(60))); // for your health endpoint
//!     shutdown.cancel(); // running checks finish, results are written, leases are handed back
//!     Ok::<_, StoreError>(())
//! };
//! let (told, ()) = tokio::join!(story, poller.run(shutdown.clone()));
//! told?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! Each host has its own slot in the interval, so a restart causes no burst. A host whose checks kill three
//! workers in a row is quarantined for an hour. If most of at least ten hosts become unreachable at the same
//! time, the manager's own network is probably at fault: the poller flags their results, and their status is
//! *unknown* instead of *unhealthy*. This count covers all workers of the store and ignores refused
//! connections; your [`ObserverProbe`] can confirm the fault. Gates stay blocked in either case.
//!
//! # Windows
//!
//! A [`Window`] is a half-open interval: it includes its opening instant and excludes its closing instant.
//! Its constructor rejects an empty or reversed window. Recurring windows are pure functions of an instant,
//! in a time zone of your choice:
//!
//! ```
//! use healthgate::gate::recurrence::RecurrenceSpec;
//! # use chrono::{TimeZone, Utc};
//!
//! let spec: RecurrenceSpec = serde_json::from_value(serde_json::json!({
//!     "recurrence": "weekly", "weekdays": ["sat"], "start_time": "23:00",
//!     "duration_minutes": 240, "time_zone": "Europe/Berlin", "first_date": "2026-01-01",
//! }))?;
//! let sunday = Utc.with_ymd_and_hms(2026, 11, 29, 0, 30, 0).unwrap();
//! let open = spec.resolve()?.open_at(sunday).ok_or("it began on Saturday evening")?;
//! assert_eq!(open.closes_at().to_rfc3339(), "2026-11-29T02:00:00+00:00");
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! A gate reads its window again at every step, through a [`WindowSource`]. If you implement one over your
//! own tables, the wait ends within seconds after you shorten a window or cancel a job. If the source hangs,
//! panics or does not know the window, its gates are blocked. They still end when their last known window
//! closes.
//!
//! # Gating
//!
//! A job opens a **gate** for each of its hosts and awaits it. The gate passes when every enabled check has a
//! fresh healthy result; it runs checks whose results are stale or missing. Otherwise it tries again every
//! five minutes. When the window closes, it fails and names each failing check. A **pass** is valid for one
//! minute and never beyond the close. The job spends it once, right before it patches the host.
//!
//! ```
//! use std::{sync::Arc, time::Duration};
//! use healthgate::{clock::*, directory::*, gate::*, model::*, store::*, testing::*};
//! # use chrono::TimeDelta;
//! # use tokio_util::sync::CancellationToken;
//!
//! # let clock = fixtures::clock();
//! # let shared: Arc<dyn Clock> = Arc::new(clock.clone());
//! # let store = Arc::new(MemoryStore::new(shared.clone()));
//! # let directory = Arc::new(StaticDirectory::new());
//! # let host = fixtures::host(1);
//! # directory.insert(host, Some(fixtures::agent(1)), &[]);
//! # let runner = Arc::new(ScriptedRunner::new(shared.clone()));
//! let policy = GatePolicy::default();
//! let health = StoredChecks::new(store.clone(), runner.clone(), directory, policy.timeout);
//! let (health, windows) = (Arc::new(health), Arc::new(RequestedWindows));
//! let gates = GateRunner::new(
//!     store.clone(), health.clone(), windows.clone(), shared.clone(), policy.clone(),
//!     GateRunnerConfig::default(),
//! )?;
//! let gate = Gate::new(store.clone(), health, windows, shared, policy)?
//!     .with_nudge(gates.nudge_handle());
//!
//! # clock.clone().drive(async {
//! # let check = fixtures::service_check(fixtures::check(1), host, "nginx");
//! # let check = store.insert_check(check, fixtures::audit(AuditAction::HealthCheckCreated)).await?;
//! # let stop = CancellationToken::new();
//! let job = async {
//!     // The service recovers in seven minutes: the first attempts fail, a later one passes.
//!     runner.answer(check.id, Answer::new(ReasonCode::ServiceUnhealthy));
//!     let back = fixtures::start() + TimeDelta::minutes(7);
//!     runner.answer_from(check.id, back, Answer::healthy());
//!
//!     let request = fixtures::request(1, host, TimeDelta::hours(1));
//!     let preview = gate.preview(&[(host, request.window)]).await?; // runs no checks, writes nothing
//!     assert_eq!(preview[0].blocking[0].name, "nginx");
//!
//!     let record = gate.wait(request.clone()).await?;
//!     let pass = record.pass.ok_or(record.detail)?;
//!     assert_eq!(pass.kind, PassKind::Healthy);
//!     assert!(clock.now() >= back);
//!     match gate.spend(&pass).await? {
//!         Spend::Spent(_) => { /* now, and only now, patch the host */ }
//!         Spend::Refused(why) => return Err(format!("not patched: {why:?}").into()),
//!     }
//!     assert!(matches!(gate.spend(&pass).await?, Spend::Refused(_)), "once");
//!
//!     // Verify the host after its patch: every check that was healthy before must be healthy again.
//!     runner.answer(check.id, Answer::new(ReasonCode::ServiceUnhealthy));
//!     gate.verify(pass.id, VerifyPolicy::default()).await?;
//!     let verification = loop {
//!         let change = store.changes_of(request.job_id).await?.remove(0);
//!         match change.verification {
//!             Some(ended) if !ended.is_running() => break ended,
//!             _ => clock.sleep(Duration::from_secs(1)).await, // in an application: wait for an event of the gate
//!         }
//!     };
//!     assert_eq!(verification.state, VerificationState::Regressed);
//!     assert_eq!(verification.checks[0].seen.change, RecheckChange::Broke);
//!     Ok::<_, Box<dyn std::error::Error>>(())
//! };
//! tokio::select! { done = job => done, () = gates.run(stop.clone()) => Ok(()) }
//! # })?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! For jobs that need more:
//!
//! - [`VerifyPolicy`](crate::model::VerifyPolicy) sets how long a host may take to recover after its change,
//!   and how long its checks must stay healthy. No run counts while the host settles, and a host is declared
//!   regressed only at the deadline.
//! - [`Gate::override_checks`] lets named checks fail for one job and host, with a reason, an expiry and
//!   an audit record. The example `override_and_recheck` shows it.
//! - [`WithConditions`] adds your own conditions, such as "not paused by an operator". They appear in the
//!   same decision, timeline and screens.
//! - [`Freezes`] are periods in which no patch starts, such as the end of a year. A gate waits for the end of
//!   the freeze and passes in the rest of its window. A [`FreezeSource`] says which freezes apply to a host.
//! - [`GateRequest::immediate`] is for a job without a window: it waits for a bounded time.
//! - [`GatePolicy`] sets how fresh a result must be, how many consecutive healthy results are required, how
//!   much time patching needs before the close, and whether the gate only reports.
//! - Any [`HealthSource`] can feed a gate, without checks or a poller: see the example `gate_only`.
//!
//! # Across a fleet
//!
//! A bad patch must not break a thousand hosts. Give the job a **rollout** before you open its gates, and they
//! pass stage by stage:
//!
//! ```
//! # use std::{sync::Arc, time::Duration};
//! # use healthgate::{clock::*, directory::*, gate::*, model::*, store::*, testing::*};
//! # let clock = fixtures::clock();
//! # let shared: Arc<dyn Clock> = Arc::new(clock.clone());
//! # let store = Arc::new(MemoryStore::new(shared.clone()));
//! # let runner = Arc::new(ScriptedRunner::new(shared.clone()));
//! # let policy = GatePolicy::default();
//! # let hosts = Arc::new(StaticDirectory::new());
//! # let health = Arc::new(StoredChecks::new(store.clone(), runner, hosts, policy.timeout));
//! # let gate = Gate::new(store, health, Arc::new(RequestedWindows), shared, policy)?;
//! # clock.clone().drive(async {
//! let job = JobId::generate();
//! let stage = |up_to, minutes: u64| RolloutStage { up_to, soak: Duration::from_secs(60 * minutes) };
//! let policy = RolloutPolicy {
//!     // One host, watched for ten minutes; then a tenth; then the rest.
//!     stages: vec![stage(Amount::Hosts(1), 10), stage(Amount::Percent(10), 5)],
//!     max_in_flight: Amount::Hosts(50),
//!     failure_budget: Amount::Hosts(2),
//! };
//! gate.open_rollout(job, 1_000, policy).await?;
//! let status = gate.rollout(job).await?.ok_or("it was opened")?;
//! assert_eq!((status.state(), status.rollout.admitted()), (RolloutState::Running, 1));
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! - A host keeps its place from the spending of its pass until its change is over. Report the end with
//!   [`Gate::verify`], [`Gate::finished`] or [`Gate::failed`].
//! - The store counts places in the step that spends a pass, in SQL (`health_spend_pass`) too, so any number
//!   of workers together never exceed them.
//! - A change that failed, regressed, stayed unverified or was never reported uses up the failure budget.
//!   Once more changes have failed than the budget allows, the rollout halts until you call
//!   [`Gate::resume_rollout`]. A restart does not lift the halt.
//! - A gate without a place is held ([`GateRecord::hold`](crate::model::GateRecord::hold)): it runs no
//!   checks, and its detail says what it waits for. An unhealthy host takes no place.
//!
//! A rollout needs no checks and no windows: the example `rolling_deploy` uses one for a deploy.
//!
//! **Availability groups** apply to all jobs. A group limits how many hosts that serve one purpose may be down
//! or under change at the same time, no matter which jobs change them:
//!
//! ```
//! # use std::{sync::Arc, time::Duration};
//! # use healthgate::{clock::*, directory::*, gate::*, model::*, store::*, testing::*};
//! # let clock = fixtures::clock();
//! # let shared: Arc<dyn Clock> = Arc::new(clock.clone());
//! # let store = Arc::new(MemoryStore::new(shared.clone()));
//! # let runner = Arc::new(ScriptedRunner::new(shared.clone()));
//! # let policy = GatePolicy::default();
//! # let hosts = Arc::new(StaticDirectory::new());
//! # let health = Arc::new(StoredChecks::new(store.clone(), runner, hosts, policy.timeout));
//! # let gate = Gate::new(store, health, Arc::new(RequestedWindows), shared, policy)?;
//! # clock.clone().drive(async {
//! let [one, two, three] = [HostId::generate(), HostId::generate(), HostId::generate()];
//! let databases = AvailabilityGroup {
//!     name: "databases".to_owned(),
//!     max_unavailable: 1,
//!     // Two polling intervals.
//!     stale_after: Duration::from_secs(600),
//!     members: [one, two, three].into(),
//! };
//! gate.set_groups(vec![databases]).await?;
//! let status = gate.groups_of(&[one]).await?.remove(0);
//! assert!(!status.is_at_limit(one) && status.unavailable.is_empty());
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! - A member is down unless each of its checks has a fresh healthy result. It is under change until its
//!   change and the verification are over. A host does not count against itself.
//! - Neither an override nor the exemption of a rollback loosens the limit.
//! - Set the groups at start and whenever they change; [`Gate::set_groups`] replaces all of them.
//!
//! **Why is it waiting?** [`Gate::explain`] answers for all hosts of a job at once. For each host it gives the
//! cause, in a sentence for people; what clears it, and who can; and the earliest instant at which the host
//! can pass. [`explain::group`] groups the hosts by cause, the largest group first:
//!
//! ```
//! # use std::{sync::Arc, time::Duration};
//! # use chrono::TimeDelta;
//! # use healthgate::{clock::*, directory::*, gate::{explain::*, *}, model::*, store::*, testing::*};
//! # let clock = fixtures::clock();
//! # let shared: Arc<dyn Clock> = Arc::new(clock.clone());
//! # let store = Arc::new(MemoryStore::new(shared.clone()));
//! # let runner = Arc::new(ScriptedRunner::new(shared.clone()));
//! # let policy = GatePolicy::default();
//! # let hosts = Arc::new(StaticDirectory::new());
//! # (1..=40).for_each(|number| hosts.insert(fixtures::host(number), None, &[]));
//! # let health = Arc::new(StoredChecks::new(store.clone(), runner, hosts, policy.timeout));
//! # let gate = Gate::new(store.clone(), health, Arc::new(RequestedWindows), shared, policy)?;
//! # clock.clone().drive(async {
//! # let job = JobId::generate();
//! # let opens = clock.now() + TimeDelta::hours(1);
//! # let window = Window::new(opens, opens + TimeDelta::hours(2))?;
//! let requests: Vec<_> =
//!     (1..=40).map(|number| GateRequest::new(job, fixtures::host(number), window)).collect();
//! gate.open_all(&requests).await?;
//! let gates = store.gates_of(job).await?;
//! let groups = group(gate.explain(job, &gates, &[]).await?);
//! assert_eq!((groups[0].cause, groups[0].who, groups[0].count), (Cause::Window, Who::Time, 40));
//! assert_eq!(groups[0].earliest_pass_at, Some(opens));
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! An explanation has no rules of its own. It runs the gate's decision repeatedly, each time as if the last
//! blocker had been cleared. The HTTP endpoint is `GET /api/v1/jobs/{job_id}/explain`. Ask again at each live
//! event of the job ([`StoreEvent::Gate`](crate::store::StoreEvent::Gate)): a worker that finds a gate waiting
//! for something else writes the gate, and every write sends an event.
//!
//! # Secrets
//!
//! The library encrypts a check's password with a key from a file. It binds the password to its check, to
//! the origin it is sent to, and to whether the check ignores certificate errors, so a copied or edited row
//! cannot be decrypted. It creates the key at the first start, and never again while the store holds
//! passwords.
//!
//! ```
//! use std::sync::Arc;
//! use healthgate::{checks::*, crypto::*, directory::*, model::*, store::*};
//! # use healthgate::testing::{ScriptedRunner, fixtures};
//! # use serde_json::json;
//! # use std::os::unix::fs::DirBuilderExt;
//!
//! # let parent = tempfile::tempdir()?;
//! # let directory = parent.path().join("keys");
//! # std::fs::DirBuilder::new().mode(0o700).create(&directory)?;
//! # let clock = fixtures::clock();
//! # let store = Arc::new(MemoryStore::new(Arc::new(clock.clone())));
//! # let runner = Arc::new(ScriptedRunner::new(Arc::new(clock.clone())));
//! # let hosts = Arc::new(StaticDirectory::new());
//! # hosts.insert(fixtures::host(1), None, &[]);
//! let files = KeyFiles::new(directory.join("health-check.key"));
//! # clock.clone().drive(async {
//! // At every start:
//! let ring = files.load(may_create_key(store.as_ref()).await?)?;
//! let keys = register_keys(store.as_ref(), ring, &Actor::system()).await?; // refuses an unknown key
//! let checks = CheckManager::new(store.clone(), keys, hosts.clone(), runner.clone());
//!
//! let ada = Actor::new("ada", Role::Admin);
//! let new = NewCheck::from_json(json!({
//!     "name": "shop", "check_type": "http", "url": "https://shop.example/", "expected_body": "",
//!     "basic_auth_user": "monitor", "basic_auth_pass": "correct horse",
//! }))?;
//! let check = checks.create(&ada, fixtures::host(1), new).await?;
//! assert!(check.has_password() && !format!("{check:?}").contains("horse"));
//!
//! // Rotation: stage the next key, restart every worker, promote the key, restart them again, rewrite.
//! files.stage()?;
//! files.promote()?;
//! let ring = files.load(false)?; // seals with the new key, opens with both
//! let keys = register_keys(store.as_ref(), ring, &Actor::system()).await?;
//! let checks = CheckManager::new(store.clone(), keys, hosts, runner);
//! let report = checks.rotate_keys(&ada).await?; // may be interrupted and repeated
//! assert_eq!((report.rewritten, report.left), (1, 0));
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! # Test your own code
//!
//! The feature `testing` has everything that this guide uses. [`ManualClock::drive`] runs a future and
//! advances time only when no task can make progress, so a test of a whole night takes milliseconds and is
//! deterministic. [`FaultyStore`] fails on demand, before or after a call takes effect. This test shows
//! that your job does not patch while the database is down, and continues afterwards:
//!
//! ```
//! # use std::{sync::Arc, time::Duration};
//! # use chrono::TimeDelta;
//! # use healthgate::{clock::*, directory::*, gate::*, model::*, store::*, testing::*};
//! # use tokio_util::sync::CancellationToken;
//! # let clock = fixtures::clock();
//! # let shared: Arc<dyn Clock> = Arc::new(clock.clone());
//! # let directory = Arc::new(StaticDirectory::new());
//! # let host = fixtures::host(1);
//! # directory.insert(host, Some(fixtures::agent(1)), &[]);
//! # let runner = Arc::new(ScriptedRunner::new(shared.clone()));
//! let store = Arc::new(FaultyStore::new(Arc::new(MemoryStore::new(shared.clone()))));
//! # let policy = GatePolicy::default();
//! # let health = StoredChecks::new(store.clone(), runner, directory, policy.timeout);
//! # let (health, windows) = (Arc::new(health), Arc::new(RequestedWindows));
//! # let config = GateRunnerConfig::default();
//! # let gates = GateRunner::new(
//! #     store.clone(), health.clone(), windows.clone(), shared.clone(), policy.clone(), config,
//! # )?;
//! # let gate = Gate::new(store.clone(), health, windows, shared, policy)?;
//! # let patched = std::cell::Cell::new(false);
//! # let patch_in_a_window = async |request: GateRequest| {
//! #     let record = gate.wait(request).await?;
//! #     let pass = record.pass.ok_or(record.detail)?;
//! #     if let Spend::Spent(_) = gate.spend(&pass).await? { patched.set(true); }
//! #     Ok::<_, Box<dyn std::error::Error>>(())
//! # };
//! # clock.clone().drive(async {
//! # let stop = CancellationToken::new();
//! store.fail(Fault::Before);
//! let outage = async {
//!     clock.sleep(Duration::from_secs(4 * 60)).await;
//!     assert!(!patched.get());
//!     store.heal();
//! };
//! let job = patch_in_a_window(fixtures::request(1, host, TimeDelta::hours(1)));
//! let story = async { tokio::join!(outage, job).1 };
//! tokio::select! { done = story => done?, () = gates.run(stop.clone()) => {} }
//! assert!(patched.get());
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! To test your own store, run the suite in [`store::conformance`](crate::store::conformance) on it, as the
//! example `custom_store` does.
//!
//! # Next steps
//!
//! - `docs/embedding.md`: runtime, keys, budgets, metrics, liveness and logs in production.
//! - `docs/databases.md`: Postgres and SQLite.
//! - `docs/glossary.md`: all terms.
//! - `docs/failures.md`: possible failures, and the test that covers each.
//! - [`decide`](mod@crate::gate::decide): the decision itself, a pure function.
//!
//! [`Healthgate`]: crate::Healthgate
//! [`Timing`]: crate::Timing
//! [`Policy`]: crate::Policy
//! [`World`]: crate::testing::World
//! [`HostDirectory`]: crate::directory::HostDirectory
//! [`MemoryStore`]: crate::store::MemoryStore
//! [`CheckManager`]: crate::checks::CheckManager
//! [`Poller::run`]: crate::checks::Poller::run
//! [`GateRunner::run`]: crate::gate::GateRunner::run
//! [`ManualClock`]: crate::clock::ManualClock
//! [`ManualClock::drive`]: crate::clock::ManualClock::drive
//! [`SystemClock`]: crate::clock::SystemClock
//! [`CheckRunner`]: crate::checks::CheckRunner
//! [`ReasonCode`]: crate::model::ReasonCode
//! [`ObserverProbe`]: crate::checks::ObserverProbe
//! [`Window`]: crate::model::Window
//! [`WindowSource`]: crate::gate::WindowSource
//! [`Gate::verify`]: crate::gate::Gate::verify
//! [`Gate::finished`]: crate::gate::Gate::finished
//! [`Gate::failed`]: crate::gate::Gate::failed
//! [`Gate::resume_rollout`]: crate::gate::Gate::resume_rollout
//! [`Gate::set_groups`]: crate::gate::Gate::set_groups
//! [`Gate::explain`]: crate::gate::Gate::explain
//! [`explain::group`]: crate::gate::explain::group
//! [`Gate::override_checks`]: crate::gate::Gate::override_checks
//! [`WithConditions`]: crate::gate::WithConditions
//! [`Freezes`]: crate::gate::Freezes
//! [`FreezeSource`]: crate::gate::FreezeSource
//! [`GateRequest::immediate`]: crate::model::GateRequest::immediate
//! [`GatePolicy`]: crate::gate::GatePolicy
//! [`HealthSource`]: crate::gate::HealthSource
//! [`FaultyStore`]: crate::testing::FaultyStore

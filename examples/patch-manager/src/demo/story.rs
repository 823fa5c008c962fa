//! The initial state of the demo: checks, windows, and a job in every state.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use healthgate::{
    gate::{OverrideRequest, recurrence::RecurrenceSpec},
    model::{
        Actor, Amount, AuditAction, AuditEntry, GateState, HostId, JobId, NewCheck, Role,
        RolloutPolicy, RolloutStage, Window, instant,
    },
};
use tracing::warn;
use uuid::Uuid;

use super::fleet::{Fleet, FleetHost};
use crate::{
    app::App,
    database::{JobKind, NewJob, Right, Stage, WindowChoice, WindowRow},
    error::Failure,
};

/// The name of the window that is open at the start.
const OPEN: &str = "Open for the demo";

/// The index of the host whose database does not come back after its patch.
pub(super) const BROKEN_BY_ITS_PATCH: usize = 16;

/// The indexes of the hosts of a job whose patch fails on every host: its rollout halts after the first.
const BAD_ROLLOUT: [usize; 9] = [26, 27, 28, 31, 32, 33, 36, 37, 38];

/// Gives the fleet's hosts their checks and windows. Data of an earlier start in the same folder stays.
///
/// # Errors
/// Fails if something cannot be stored.
pub(super) async fn furnish(app: &App, fleet: &Fleet, open_minutes: u16) -> Result<(), Failure> {
    let checks = app.checks(app.keys.clone(), None);
    let actor = Actor::system();
    for host in fleet.hosts() {
        let url = fleet.url(host);
        // Every start uses other ports, which changes the URLs of the web services.
        for check in app.store.checks_of(&[host.id]).await? {
            checks.delete(&actor, host.id, check.id, None).await?;
        }
        for definition in host.checks(&url) {
            match NewCheck::from_json(definition) {
                Ok(check) => {
                    checks.create(&actor, host.id, check).await?;
                }
                Err(violations) => warn!(%violations, "a check of the demo is not possible"),
            }
        }
    }
    let now = instant::truncate(Utc::now());
    for window in app.database.windows(None, None, 200).await? {
        if window.name == OPEN || window.name == NIGHTLY {
            let audit = noted(AuditAction::WindowDeleted, &window.name);
            app.database.delete_window(window.id, audit).await?;
        }
    }
    let all: Vec<HostId> = fleet.hosts().iter().map(|host| host.id).collect();
    let open = RecurrenceSpec {
        recurrence: Some("once".to_owned()),
        starts_at: Some(instant::to_text(&now)),
        time_zone: Some("Europe/Berlin".to_owned()),
        duration_minutes: Some(i64::from(open_minutes)),
        ..RecurrenceSpec::default()
    };
    let nightly = RecurrenceSpec {
        recurrence: Some("weekly".to_owned()),
        weekdays: Some(vec!["sat".to_owned(), "sun".to_owned()]),
        start_time: Some("02:00".to_owned()),
        time_zone: Some("Europe/Berlin".to_owned()),
        duration_minutes: Some(180),
        ..RecurrenceSpec::default()
    };
    let in_group = |host: &&FleetHost| !host.groups.is_empty();
    let grouped: Vec<HostId> = fleet.hosts().iter().filter(in_group).map(|host| host.id).collect();
    for (name, spec, host_ids) in [(OPEN, open, all), (NIGHTLY, nightly, grouped)] {
        let Ok(recurrence) = spec.with_first_date_from(now).resolve() else {
            warn!(name, "a window of the demo is not possible");
            continue;
        };
        let window = WindowRow {
            id: Uuid::now_v7(),
            name: name.to_owned(),
            recurrence,
            enabled: true,
            host_ids,
            revision: 1,
            created_at: now,
            updated_at: now,
        };
        let audit = noted(AuditAction::WindowCreated, name);
        app.database.write_window(window, audit).await?;
    }
    Ok(())
}

/// Creates the audit record of the demo's own change of a window.
fn noted(action: AuditAction, name: &str) -> AuditEntry {
    let entry = AuditEntry::allowed(Actor::system(), action);
    AuditEntry { reason: Some(name.to_owned()), ..entry }
}

const NIGHTLY: &str = "Weekend nights";

/// Starts a job for each state to show, unless jobs of an earlier start are unfinished. `bad_rollout`
/// receives the job whose patch has to fail.
pub(super) async fn tell(app: App, fleet: Arc<Fleet>, bad_rollout: Arc<OnceLock<JobId>>) {
    if let Err(error) = begin(&app, &fleet, &bad_rollout).await {
        warn!(%error, "the demo's jobs cannot all be begun");
    }
}

async fn begin(app: &App, fleet: &Fleet, bad_rollout: &OnceLock<JobId>) -> Result<(), Failure> {
    let now = app.store.now().await?;
    for stage in [Stage::Queued, Stage::Waiting] {
        if !app.database.due_job_hosts(stage, now + TimeDelta::days(8), 1).await?.is_empty() {
            return Ok(());
        }
    }
    // Waits until the poller has run every host once.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let window = |opens: i64, closes: i64| {
        let at = |seconds| now + TimeDelta::seconds(seconds);
        Window::new(at(opens), at(closes)).ok().map(WindowChoice::Explicit)
    };
    let half_an_hour = 30 * 60;
    let jobs = [
        (window(0, half_an_hour), &[1][..], "waits for postgresql"),
        (window(0, half_an_hour), &[0, 10], "succeeds"),
        (window(0, half_an_hour), &[BROKEN_BY_ITS_PATCH], "breaks its host"),
        (window(0, 30), &[11], "fails at its close"),
        (window(0, half_an_hour), &[7], "is overridden"),
        (window(2 * 3600, 4 * 3600), &[12, 15, 20], "waits for its window"),
    ];
    for (window, indexes, what) in jobs {
        let hosts: Vec<&FleetHost> =
            indexes.iter().filter_map(|index| fleet.hosts().get(*index)).collect();
        let Some(window) = window.filter(|_| !hosts.is_empty()) else { continue };
        let job = enter(app, window, &hosts, now, None).await?;
        if what == "is overridden" {
            for host in hosts {
                let id = host.id;
                override_when_waiting(app, job, id).await?;
            }
        }
    }
    let hosts: Vec<&FleetHost> =
        BAD_ROLLOUT.iter().filter_map(|index| fleet.hosts().get(*index)).collect();
    if let Some(window) = window(0, half_an_hour).filter(|_| hosts.len() > 1) {
        let job = enter(app, window, &hosts, now, Some("kernel 6.12.9, in stages")).await?;
        let _ = bad_rollout.set(job);
    }
    Ok(())
}

/// Returns stages: one host first, then a third, then the rest.
fn in_stages() -> RolloutPolicy {
    let stage = |up_to| RolloutStage { up_to, soak: Duration::from_secs(10) };
    RolloutPolicy {
        stages: vec![stage(Amount::Hosts(1)), stage(Amount::Percent(33))],
        max_in_flight: Amount::Hosts(3),
        failure_budget: Amount::Hosts(0),
    }
}

/// Inserts a job. A named job patches its hosts in stages.
async fn enter(
    app: &App,
    window: WindowChoice,
    hosts: &[&FleetHost],
    now: DateTime<Utc>,
    in_stages_as: Option<&str>,
) -> Result<JobId, Failure> {
    let id = JobId::generate();
    let given = match window {
        WindowChoice::Explicit(window) | WindowChoice::Immediate(window) => Some(window),
        WindowChoice::Maintenance => None,
    };
    let host = |host: &&FleetHost| Some((host.id, host.name.clone(), given?));
    let job = NewJob {
        id,
        name: in_stages_as.map(str::to_owned),
        kind: JobKind::Patch,
        created_by: "ada".to_owned(),
        created_at: now,
        window,
        report_only: false,
        dry_run: false,
        reason: None,
        verify: app.figures.verify,
        hosts: hosts.iter().filter_map(host).collect(),
    };
    if in_stages_as.is_some() {
        let count = u32::try_from(job.hosts.len()).unwrap_or(u32::MAX);
        app.store.open_rollout(id, count, in_stages()).await?;
    }
    let ada = Actor::new("ada", Role::Admin);
    let right = Right::of(&ada, job.hosts.iter().map(|(host, _, _)| *host));
    let audit =
        AuditEntry { job_id: Some(id), ..AuditEntry::allowed(ada, AuditAction::JobCreated) };
    app.database.insert_job(job, right, vec![audit]).await?;
    app.job_wake.notify_one();
    Ok(id)
}

/// Overrides every failing check of a host after the first attempt of its gate.
async fn override_when_waiting(app: &App, job: JobId, host: HostId) -> Result<(), Failure> {
    for _ in 0..120 {
        tokio::time::sleep(Duration::from_millis(250)).await;
        let Some(gate) = app.store.gate(job, host).await? else { continue };
        if gate.state != GateState::Waiting {
            return Ok(());
        }
        if gate.attempts == 0 || gate.evidence.is_empty() {
            continue;
        }
        let failing = gate.evidence.iter().filter(|check| !check.healthy);
        let request = OverrideRequest {
            job_id: job,
            host_id: host,
            check_ids: failing.filter_map(|check| check.check_id).collect(),
            reason: "Known fault, mended by this very patch".to_owned(),
            expires_at: gate.window.closes_at(),
        };
        let admin = Actor::new("ada", Role::Admin);
        if let Err(error) = app.gate().override_checks(request, admin).await {
            warn!(%error, "the demo's override cannot be given");
        }
        return Ok(());
    }
    Ok(())
}

//! Requests for new jobs.

use std::{collections::HashSet, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use healthgate::{
    api::{FromMember, JsonBody, Members, Problem, forms::WindowForm, read_object},
    gate::recurrence::current_or_next,
    model::{
        Actor, Amount, FieldChange, GateOverride, HostId, Role, RolloutPolicy, RolloutStage,
        VerifyPolicy, ViolationCode, Violations, Window,
    },
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::Web;
use crate::{
    database::{JobKind, WindowChoice},
    web::texts,
};

/// A request for a job. Give at most one of `window` and `immediate`. Without either, each host's current
/// or next maintenance window counts.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::web) struct JobRequest {
    /// 1 to 10,000 hosts that the caller may see.
    #[schema(min_items = 1, max_items = 10000)]
    host_ids: Vec<HostId>,
    /// The window. `opens_at` may be in the past, `closes_at` must not.
    window: Option<WindowForm>,
    /// Whether to run immediately, and to wait for health for a limited time.
    immediate: Option<bool>,
    /// Whether the gates only report and do not block. For administrators, with a `reason`.
    report_only: Option<bool>,
    /// Whether to patch nothing, run the checks once, and report what would happen to each host. Counts as
    /// a test of each host.
    dry_run: Option<bool>,
    /// `patch` (the default), or `rollback`, which failing checks do not hold back: for administrators,
    /// with a `reason`.
    kind: Option<JobKind>,
    /// Why the job bypasses the gate.
    #[schema(min_length = 10, max_length = 500)]
    reason: Option<String>,
    /// A display name.
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    /// How long its hosts are verified after their patch. Missing values come from the configuration.
    verify: Option<VerifyRequest>,
    /// The rollout: in stages, and halted after too many failures. Without it, all hosts may be patched at
    /// once.
    rollout: Option<RolloutRequest>,
}

/// The rollout of a job. Amounts are numbers of hosts, such as `5`, or percentages of the job's hosts, such
/// as `10%`, rounded up.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::web) struct RolloutRequest {
    /// The stages in order. The remaining hosts follow the last one. Without stages there is one stage.
    #[schema(max_items = 20)]
    stages: Option<Vec<RolloutStageRequest>>,
    /// The maximum number of hosts that are patched or verified at the same time. Without it, all hosts.
    #[schema(value_type = Option<String>, pattern = "^[0-9]+%?$", max_length = 11)]
    max_in_flight: Option<Amount>,
    /// The number of hosts that may fail or stay unverified. One more halts the rollout. Without it, 0.
    #[schema(value_type = Option<String>, pattern = "^[0-9]+%?$", max_length = 11)]
    failure_budget: Option<Amount>,
}

/// One stage of a rollout.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::web) struct RolloutStageRequest {
    /// The number of hosts that may have been patched by its end, including those of earlier stages.
    #[schema(value_type = String, pattern = "^[0-9]+%?$", max_length = 11)]
    up_to: Amount,
    /// How long to wait before the next stage after all hosts of this one have ended.
    #[schema(maximum = 604800)]
    soak_secs: Option<u64>,
}

impl FromMember for RolloutStageRequest {
    fn from_member(value: Value, field: &str, violations: &mut Violations) -> Option<Self> {
        let expected = "give an object with `up_to`";
        read_object(value, field, violations, expected, |members| {
            let soak_secs = members.optional("soak_secs");
            let up_to = members.required("up_to")?;
            Some(Self { up_to, soak_secs })
        })
    }
}

impl FromMember for RolloutRequest {
    fn from_member(value: Value, field: &str, violations: &mut Violations) -> Option<Self> {
        read_object(value, field, violations, "give an object", |members| {
            Some(Self {
                stages: members.optional("stages"),
                max_in_flight: members.optional("max_in_flight"),
                failure_budget: members.optional("failure_budget"),
            })
        })
    }
}

impl RolloutRequest {
    /// The request that a policy answers to.
    pub(super) fn of(policy: &RolloutPolicy) -> Self {
        let stage = |stage: &RolloutStage| RolloutStageRequest {
            up_to: stage.up_to,
            soak_secs: Some(stage.soak.as_secs()),
        };
        Self {
            stages: Some(policy.stages.iter().map(stage).collect()),
            max_in_flight: Some(policy.max_in_flight),
            failure_budget: Some(policy.failure_budget),
        }
    }

    fn policy(self) -> RolloutPolicy {
        let stage = |stage: RolloutStageRequest| RolloutStage {
            up_to: stage.up_to,
            soak: Duration::from_secs(stage.soak_secs.unwrap_or(0)),
        };
        RolloutPolicy {
            stages: self.stages.unwrap_or_default().into_iter().map(stage).collect(),
            max_in_flight: self.max_in_flight.unwrap_or(Amount::Percent(100)),
            failure_budget: self.failure_budget.unwrap_or(Amount::Hosts(0)),
        }
    }
}

/// How long hosts are verified after their patch, in seconds.
#[derive(Clone, Copy, Default, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::web) struct VerifyRequest {
    /// The time after the patch in which failures do not count, because the host may restart.
    #[schema(maximum = 86400)]
    settle_secs: Option<u64>,
    /// How long the checks must stay healthy.
    #[schema(maximum = 86400)]
    soak_secs: Option<u64>,
    /// The time limit for the verification after the patch. It must exceed the sum of the other two.
    #[schema(minimum = 1, maximum = 604800)]
    deadline_secs: Option<u64>,
}

impl VerifyRequest {
    /// Returns the policy, with the configured value of each missing field.
    fn over(self, configured: VerifyPolicy) -> VerifyPolicy {
        let seconds =
            |given: Option<u64>, configured| given.map_or(configured, Duration::from_secs);
        VerifyPolicy {
            settle: seconds(self.settle_secs, configured.settle),
            soak: seconds(self.soak_secs, configured.soak),
            deadline: seconds(self.deadline_secs, configured.deadline),
        }
    }
}

impl FromMember for VerifyRequest {
    fn from_member(value: Value, field: &str, violations: &mut Violations) -> Option<Self> {
        read_object(value, field, violations, "give an object", |members| {
            Some(Self {
                settle_secs: members.optional("settle_secs"),
                soak_secs: members.optional("soak_secs"),
                deadline_secs: members.optional("deadline_secs"),
            })
        })
    }
}

/// A validated request.
pub(super) struct Asked {
    pub(super) hosts: Vec<HostId>,
    pub(super) window: WindowChoice,
    pub(super) report_only: bool,
    pub(super) dry_run: bool,
    pub(super) kind: JobKind,
    pub(super) reason: Option<String>,
    pub(super) name: Option<String>,
    pub(super) verify: VerifyPolicy,
    pub(super) rollout: Option<RolloutPolicy>,
    /// The configured default.
    usual_verify: VerifyPolicy,
}

/// The maximum number of hosts in one job.
const MOST_HOSTS: usize = 10_000;

/// The maximum length of a job's name in characters.
const MOST_OF_A_NAME: usize = 100;

/// Returns whether this role may create jobs that bypass their gates: the same right as for an override.
pub(super) fn may_go_around(role: Role) -> bool {
    role == Role::Admin
}

/// Applies the rules for an override's reason to the reason for bypassing the gate.
pub(super) fn need_reason(members: &mut Members, reason: Option<&str>) {
    match reason.filter(|reason| !reason.is_empty()) {
        None => {
            let message = "say why, in at least 10 characters";
            members.violation("reason", ViolationCode::Required, message);
        }
        Some(reason) => {
            if let Some((code, message)) = GateOverride::fault_of_reason(reason) {
                members.violation("reason", code, message);
            }
        }
    }
}

/// A request to resume a halted rollout.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::web) struct ResumeRequest {
    #[schema(min_length = 10, max_length = 500)]
    reason: String,
}

impl ResumeRequest {
    /// Reads the reason.
    pub(super) async fn read(body: JsonBody) -> Result<String, Problem> {
        let mut members = body.members().await?;
        let reason = texts::plain(&mut members, "reason");
        need_reason(&mut members, reason.as_deref());
        Ok(members.finish(reason)?)
    }
}

impl Asked {
    /// Reads the request of `actor`. Bypassing the gate requires a reason. Callers who may not bypass it
    /// need none, because they are refused.
    pub(super) async fn read(
        body: JsonBody,
        actor: &Actor,
        web: &Web,
        now: DateTime<Utc>,
    ) -> Result<Self, Problem> {
        let mut members = body.members().await?;
        let hosts = members.required::<Vec<HostId>>("host_ids");
        let window = members.optional::<Window>("window");
        let immediate = members.optional::<bool>("immediate").unwrap_or(false);
        let report_only = members.optional::<bool>("report_only").unwrap_or(false);
        let dry_run = members.optional::<bool>("dry_run").unwrap_or(false);
        let reason = texts::plain(&mut members, "reason");
        let name = texts::plain(&mut members, "name").filter(|name| !name.is_empty());
        if name.as_ref().is_some_and(|name| name.chars().count() > MOST_OF_A_NAME) {
            members.violation("name", ViolationCode::TooLong, "give at most 100 characters");
        }
        let kind = members.optional::<String>("kind");
        let kind = match kind.as_deref().map(JobKind::parse) {
            None => JobKind::Patch,
            Some(Some(kind)) => kind,
            Some(None) => {
                let message = "give patch or rollback";
                members.violation("kind", ViolationCode::UnknownValue, message);
                JobKind::Patch
            }
        };
        let verify = members.optional::<VerifyRequest>("verify").unwrap_or_default();
        let usual_verify = web.0.app.figures.verify;
        let verify = verify.over(usual_verify);
        if let Err(found) = verify.validate() {
            members.violations_within("verify", &found);
        }
        let rollout = members.optional::<RolloutRequest>("rollout").map(RolloutRequest::policy);
        if let Some(Err(found)) = rollout.as_ref().map(RolloutPolicy::validate) {
            members.violations_within("rollout", &found);
        }
        if rollout.is_some() && (dry_run || kind == JobKind::Rollback) {
            let message = "a dry run and a rollback go over all of their hosts at once";
            members.violation("rollout", ViolationCode::NotAllowed, message);
        }
        let goes_around = report_only || kind == JobKind::Rollback;
        if goes_around && dry_run {
            let message = "a dry run patches nothing, so it has no gate to go around";
            members.violation("dry_run", ViolationCode::NotAllowed, message);
        }
        if goes_around && may_go_around(actor.role) {
            need_reason(&mut members, reason.as_deref());
        }
        let hosts = hosts.map(|hosts| {
            let mut seen = HashSet::new();
            hosts.into_iter().filter(|host| seen.insert(*host)).collect::<Vec<_>>()
        });
        match hosts.as_ref().map(Vec::len) {
            Some(0) => {
                members.violation("host_ids", ViolationCode::Required, "name at least one host");
            }
            Some(count) if count > MOST_HOSTS => {
                let message = "name at most 10,000 hosts";
                members.violation("host_ids", ViolationCode::TooLong, message);
            }
            _ => {}
        }
        if window.is_some_and(|window| window.closes_at() <= now) {
            let message = "let it close in the future";
            members.violation("window.closes_at", ViolationCode::OutOfRange, message);
        }
        if window.is_some() && immediate {
            let message = "give a window, or run it at once";
            members.violation("immediate", ViolationCode::NotAllowed, message);
        }
        let hosts = members.finish(hosts)?;
        let window = match window {
            Some(window) => WindowChoice::Explicit(window),
            None if immediate => {
                let most = TimeDelta::from_std(web.0.app.figures.immediate_max_wait);
                let window = Window::lasting(now, most.unwrap_or(Window::MAXIMUM_LENGTH));
                WindowChoice::Immediate(
                    window.map_err(|error| Problem::internal().with_source(error))?,
                )
            }
            None => WindowChoice::Maintenance,
        };
        Ok(Self {
            hosts,
            window,
            report_only,
            dry_run,
            kind,
            reason,
            name,
            verify,
            usual_verify,
            rollout,
        })
    }

    /// Returns the job's special settings, for the audit log.
    pub(super) fn flags(&self) -> Vec<FieldChange> {
        let flags = [
            ("report_only", self.report_only, "true"),
            ("dry_run", self.dry_run, "true"),
            ("kind", self.kind == JobKind::Rollback, self.kind.as_str()),
        ];
        let change = |(field, _, after): (&str, bool, &str)| FieldChange {
            field: field.to_owned(),
            before: None,
            after: Some(after.to_owned()),
        };
        let mut changes: Vec<FieldChange> =
            flags.into_iter().filter(|(_, is_set, _)| *is_set).map(change).collect();
        let (usual, own) = (self.usual_verify, self.verify);
        let figures = [
            ("verify.settle_secs", usual.settle, own.settle),
            ("verify.soak_secs", usual.soak, own.soak),
            ("verify.deadline_secs", usual.deadline, own.deadline),
        ];
        let figure = |(field, before, after): (&str, Duration, Duration)| FieldChange {
            field: field.to_owned(),
            before: Some(before.as_secs().to_string()),
            after: Some(after.as_secs().to_string()),
        };
        changes.extend(figures.into_iter().filter(|(_, usual, own)| usual != own).map(figure));
        if let Some(rollout) = &self.rollout {
            let stages = rollout.stages.iter().map(|stage| stage.up_to.to_string());
            let stages = stages.collect::<Vec<_>>().join(", ");
            let given = [
                ("rollout.stages", stages),
                ("rollout.max_in_flight", rollout.max_in_flight.to_string()),
                ("rollout.failure_budget", rollout.failure_budget.to_string()),
            ];
            changes.extend(given.map(|(field, value)| FieldChange {
                field: field.to_owned(),
                before: None,
                after: Some(value),
            }));
        }
        changes
    }

    /// Returns whether its gates do not hold its hosts back.
    pub(super) fn goes_around(&self) -> bool {
        self.report_only || self.kind == JobKind::Rollback
    }
}

impl Web {
    /// Returns each requested host with its name and its window.
    pub(super) async fn windows_of(
        &self,
        asked: &Asked,
        now: DateTime<Utc>,
    ) -> Result<Vec<(HostId, String, Window)>, Problem> {
        let database = &self.0.app.database;
        let mut names = database.hosts(&asked.hosts).await?;
        let named = |id: &HostId| names.remove(id).map(|host| (*id, host.name));
        let hosts: Vec<(HostId, String)> = asked.hosts.iter().filter_map(named).collect();
        let given = match asked.window {
            WindowChoice::Explicit(window) | WindowChoice::Immediate(window) => Some(window),
            WindowChoice::Maintenance => None,
        };
        if let Some(window) = given {
            return Ok(hosts.into_iter().map(|(id, name)| (id, name, window)).collect());
        }
        let recurrences = database.recurrences_of(&asked.hosts).await?;
        let (mut found, mut without) = (Vec::new(), Vec::new());
        for (id, name) in hosts {
            let window =
                recurrences.get(&id).and_then(|recurrences| current_or_next(recurrences, now));
            match window {
                Some(window) => found.push((id, name, window)),
                None => without.push(name),
            }
        }
        if without.is_empty() {
            return Ok(found);
        }
        without.truncate(20);
        let message = format!(
            "no maintenance window: {}; give them one, give `window`, or run the job at once",
            without.join(", ")
        );
        Err(Problem::invalid_field("host_ids", ViolationCode::Required, message))
    }
}

//! What somebody asks for with a new job.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use healthgate::{
    api::{JsonBody, Problem, forms::WindowForm},
    gate::recurrence::current_or_next,
    model::{HostId, ViolationCode, Window},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::Web;
use crate::database::{JobKind, WindowChoice};

/// What a job is made from. Of `window` and `immediate` one at most; without either each host's
/// current or next maintenance window counts.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::web) struct JobRequest {
    /// 1 to 1,000 hosts that the caller may see.
    #[schema(min_items = 1, max_items = 1000)]
    host_ids: Vec<HostId>,
    /// `opens_at` may lie in the past, `closes_at` must not.
    window: Option<WindowForm>,
    /// Run at once, and wait for health for a bounded time.
    immediate: Option<bool>,
    /// Let the gates report and not block.
    report_only: Option<bool>,
    /// `patch` (the default), or `rollback`, which is not held back by what it is to mend.
    kind: Option<JobKind>,
}

/// What somebody asks for.
pub(super) struct Asked {
    pub(super) hosts: Vec<HostId>,
    pub(super) window: WindowChoice,
    pub(super) report_only: bool,
    pub(super) kind: JobKind,
}

/// The most hosts of one job.
const MOST_HOSTS: usize = 1_000;

impl Asked {
    pub(super) fn read(body: JsonBody, web: &Web, now: DateTime<Utc>) -> Result<Self, Problem> {
        let mut members = body.members()?;
        let hosts = members.required::<Vec<HostId>>("host_ids");
        let window = members.optional::<Window>("window");
        let immediate = members.optional::<bool>("immediate").unwrap_or(false);
        let report_only = members.optional::<bool>("report_only").unwrap_or(false);
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
        let hosts = hosts.map(|hosts| {
            let mut seen = HashSet::new();
            hosts.into_iter().filter(|host| seen.insert(*host)).collect::<Vec<_>>()
        });
        match hosts.as_ref().map(Vec::len) {
            Some(0) => {
                members.violation("host_ids", ViolationCode::Required, "name at least one host");
            }
            Some(count) if count > MOST_HOSTS => {
                let message = "name at most 1,000 hosts";
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
        Ok(Self { hosts, window, report_only, kind })
    }
}

impl Web {
    /// Each asked host with its name and its window.
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

//! A maintenance window in preparation.

use chrono::{DateTime, Utc};
use healthgate::{
    api::{Members, Problem},
    gate::recurrence::RecurrenceSpec,
    model::{HostId, ViolationCode, Violations, instant, is_deceptive},
};
use uuid::Uuid;

use crate::{
    database::WindowRow,
    web::{problems::recurrence_violations, texts},
};

/// The maximum number of hosts in one window.
const MOST_HOSTS: usize = 1_000;

/// A window in preparation, new or based on an existing one.
#[derive(Default)]
pub(super) struct Draft {
    name: Option<String>,
    host_ids: Option<Vec<HostId>>,
    enabled: bool,
    spec: RecurrenceSpec,
}

impl Draft {
    pub(super) fn fresh() -> Self {
        Self { enabled: true, ..Self::default() }
    }

    pub(super) fn of(row: &WindowRow) -> Self {
        Self {
            name: Some(row.name.clone()),
            host_ids: Some(row.host_ids.clone()),
            enabled: row.enabled,
            spec: RecurrenceSpec::from(row.recurrence),
        }
    }

    /// Returns the hosts that it names so far.
    pub(super) fn host_ids(&self) -> &[HostId] {
        self.host_ids.as_deref().unwrap_or_default()
    }

    /// Applies the members of a body.
    pub(super) fn read(&mut self, members: &mut Members) {
        if let Some(recurrence) = members.optional::<String>("recurrence") {
            if self.spec.recurrence.as_deref() != Some(&recurrence) {
                // The fields of the previous kind have no meaning for the new one.
                let RecurrenceSpec { time_zone, duration_minutes, start_time, first_date, .. } =
                    std::mem::take(&mut self.spec);
                let repeats = recurrence != "once";
                self.spec = RecurrenceSpec {
                    time_zone,
                    duration_minutes,
                    start_time: start_time.filter(|_| repeats),
                    first_date: first_date.filter(|_| repeats),
                    ..RecurrenceSpec::default()
                };
            }
            self.spec.recurrence = Some(recurrence);
        }
        let spec = &mut self.spec;
        spec.weekdays = members.optional("weekdays").or(spec.weekdays.take());
        let (day, nth) = (members.optional("day_of_month"), members.optional("nth_weekday"));
        // Each of the two replaces the other. Giving both is refused.
        if day.is_some() || nth.is_some() {
            (spec.day_of_month, spec.nth_weekday) = (day, nth);
        }
        spec.time_zone = members.optional("time_zone").or(spec.time_zone.take());
        spec.start_time = members.optional("start_time").or(spec.start_time.take());
        spec.starts_at = members.optional("starts_at").or(spec.starts_at.take());
        spec.first_date = members.optional("first_date").or(spec.first_date.take());
        spec.duration_minutes = members.optional("duration_minutes").or(spec.duration_minutes);
        self.name = members.optional("name").or(self.name.take());
        self.host_ids = members.optional("host_ids").or(self.host_ids.take());
        self.enabled = members.optional("enabled").unwrap_or(self.enabled);
    }

    /// Returns the window if it is valid.
    pub(super) fn finish(
        self,
        mut members: Members,
        id: Uuid,
        now: DateTime<Utc>,
    ) -> Result<WindowRow, Problem> {
        let name = self.name.map(|name| name.trim().to_owned());
        match &name {
            None => members.violation("name", ViolationCode::Required, "give a name"),
            Some(name) if !(1..=100).contains(&name.chars().count()) => {
                members.violation("name", ViolationCode::OutOfRange, "give 1 to 100 characters");
            }
            // Deceptive characters are refused (F127).
            Some(name) if name.chars().any(is_deceptive) => {
                texts::refuse_deceptive(&mut members, "name");
            }
            Some(_) => {}
        }
        let mut host_ids = self.host_ids.unwrap_or_default();
        host_ids.sort_unstable();
        host_ids.dedup();
        match host_ids.len() {
            0 => members.violation("host_ids", ViolationCode::Required, "name at least one host"),
            1..=MOST_HOSTS => {}
            _ => {
                let message = "name at most 1,000 hosts";
                members.violation("host_ids", ViolationCode::TooLong, message);
            }
        }
        let mut violations = Violations::new();
        let recurrence = self.spec.with_first_date_from(now).resolve();
        if let Err(error) = &recurrence {
            recurrence_violations(error, &mut violations);
        }
        for violation in violations.as_slice() {
            members.violation(&violation.field, violation.code, violation.message.clone());
        }
        let (name, recurrence) = members.finish(name.zip(recurrence.ok()))?;
        Ok(WindowRow {
            id,
            name,
            recurrence,
            enabled: self.enabled,
            host_ids,
            revision: 1,
            created_at: instant::truncate(now),
            updated_at: instant::truncate(now),
        })
    }
}

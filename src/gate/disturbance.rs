//! Changes of hosts and the results that they invalidate: nothing seen before the end of a change counts (G35).

use std::collections::{BTreeSet, HashMap, HashSet};

use chrono::{DateTime, Utc};

use super::{decide::Condition, source::HostHealth};
use crate::{
    model::{CheckId, Detail, HostChange, HostId, ReasonCode, StoreTime, instant},
    store::{JobStore, StoreError},
};

/// The newest change of each host that the gates or their checks ask.
#[derive(Debug, Default)]
pub(super) struct Disturbances(HashMap<HostId, HostChange>);

impl Disturbances {
    /// Reads the changes of these hosts and of all hosts that their checks ask, in one call.
    pub(super) async fn read<'h>(
        store: &dyn JobStore,
        hosts: impl Iterator<Item = (HostId, &'h HostHealth)>,
    ) -> Result<Self, StoreError> {
        let asked = hosts.flat_map(|(host, health)| {
            std::iter::once(host).chain(health.asks.iter().map(|(_, asked)| *asked))
        });
        let asked: Vec<HostId> = asked.collect::<BTreeSet<_>>().into_iter().collect();
        if asked.is_empty() {
            return Ok(Self::default());
        }
        let changes = store.host_changes(&asked).await?;
        Ok(Self(changes.into_iter().map(|change| (change.host_id, change)).collect()))
    }

    /// Returns whether a job is changing this host.
    pub(super) fn is_changing(&self, host: HostId, now: DateTime<Utc>) -> bool {
        self.0.get(&host).is_some_and(|change| change.is_running(now))
    }

    /// Returns the checks that ask another host while a job changes it. Their results prove nothing.
    pub(super) fn disturbed(&self, health: &HostHealth, now: DateTime<Utc>) -> HashSet<CheckId> {
        let asks = health.asks.iter().filter(|(_, asked)| self.is_changing(*asked, now));
        asks.map(|(check, _)| *check).collect()
    }

    /// Adds an unmet condition for each running change, and voids results from before the end of a finished
    /// one. Returns the newest such end, if any.
    pub(super) fn apply(
        &self,
        host: HostId,
        health: &mut HostHealth,
        time: StoreTime,
    ) -> Option<DateTime<Utc>> {
        let StoreTime { epoch, at: now } = time;
        let own = self.0.get(&host).map(|change| (None, change));
        let others = health.asks.iter();
        let others = others.filter_map(|(id, asked)| Some((Some(*id), self.0.get(asked)?)));
        let mut told = BTreeSet::new();
        let mut newest = None;
        for (check, change) in own.into_iter().chain(others).collect::<Vec<_>>() {
            if change.is_running(now) {
                if told.insert(change.host_id) {
                    health.conditions.push(condition(host, change));
                }
                continue;
            }
            // The end of a change can lie in the future after the clock was corrected.
            let end = change.ends_at().min(now);
            let concerned = |id: CheckId| check.is_none_or(|only| only == id);
            for check in health.requirements.iter_mut().filter(|check| concerned(check.check_id)) {
                let changed = check.changed().max(StoreTime::new(epoch, end));
                (check.changed_at, check.changed_epoch) = (changed.at, changed.epoch);
            }
            for streak in health.streaks.iter_mut().filter(|streak| concerned(streak.check_id)) {
                streak.disturbed = true;
            }
            newest = newest.max(Some(end));
        }
        newest
    }
}

fn condition(host: HostId, change: &HostChange) -> Condition {
    let since = instant::in_words(&change.started_at);
    let job = change.job_id;
    let (name, what) = if change.host_id == host {
        ("host change".to_owned(), "this host".to_owned())
    } else {
        let asked = change.host_id;
        (format!("host change of {asked}"), format!("the host {asked}, which a check asks,"))
    };
    Condition {
        name: name.into(),
        met: false,
        reason: ReasonCode::HostDisturbed.as_str().into(),
        detail: Detail::new(format!("job {job} has been changing {what} since {since}")),
        // Spending an exempt pass is refused while the change runs (`HostBusy`).
        spares_exempt: true,
        from: None,
        until: None,
    }
}

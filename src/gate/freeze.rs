//! Freezes: named periods in which no job may start on a host (G37).

use std::{collections::HashMap, fmt::Debug, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use thiserror::Error;

use super::{
    conditions::ConditionSource,
    decide::Condition,
    recurrence::{Recurrence, next_after, next_transition, open_at},
    source::SourceError,
};
use crate::{
    model::{GateRecord, Label, instant},
    store::JobStore,
};

/// A named period, single or recurring, in which no job may start on a host.
///
/// A gate whose window opens in a freeze waits for the end of the freeze and passes afterwards, within the
/// same window. The freeze neither closes nor withdraws the window. A pass that was given before the freeze is
/// valid until the freeze starts. Exempt jobs go ahead, unless [`with_exempt_held`](Self::with_exempt_held)
/// holds them too. A freeze never holds report-only gates.
///
/// ```
/// use chrono::{DateTime, Utc};
/// use healthgate::gate::Freeze;
///
/// let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
/// let (starts_at, ends_at) = (at("2026-12-23T00:00:00Z"), at("2027-01-02T00:00:00Z"));
/// let freeze = Freeze::between("year end", starts_at, ends_at)?;
/// assert!(freeze.active_at(at("2026-12-31T23:59:59Z")).is_some());
/// assert!(freeze.active_at(ends_at).is_none());
/// # Ok::<(), healthgate::gate::FreezeError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Freeze {
    name: Label,
    calendar: Calendar,
    holds_exempt: bool,
}

/// The periods of a freeze.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Calendar {
    Once(FreezePeriod),
    Recurring(Vec<Recurrence>),
}

/// One period of a freeze.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FreezePeriod {
    /// The start, inclusive.
    pub starts_at: DateTime<Utc>,
    /// The end, exclusive; `None` if a recurring freeze does not end within 400 days.
    pub ends_at: Option<DateTime<Utc>>,
}

impl FreezePeriod {
    fn contains(&self, instant: DateTime<Utc>) -> bool {
        self.starts_at <= instant && self.ends_at.is_none_or(|end| instant < end)
    }
}

/// The reason why a freeze is invalid.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum FreezeError {
    /// The end is not after the start.
    #[error("a freeze must end after it starts")]
    Empty,
}

impl Freeze {
    /// Creates a freeze from `starts_at`, inclusive, to `ends_at`, exclusive. Its length is unlimited.
    ///
    /// # Errors
    /// Fails if `ends_at` is not after `starts_at`.
    pub fn between(
        name: impl Into<Label>,
        starts_at: DateTime<Utc>,
        ends_at: DateTime<Utc>,
    ) -> Result<Self, FreezeError> {
        let (starts_at, ends_at) = (instant::truncate(starts_at), instant::truncate(ends_at));
        if ends_at <= starts_at {
            return Err(FreezeError::Empty);
        }
        let period = FreezePeriod { starts_at, ends_at: Some(ends_at) };
        Ok(Self { name: name.into(), calendar: Calendar::Once(period), holds_exempt: false })
    }

    /// Creates a freeze that is active whenever one of these definitions is open.
    #[must_use]
    pub fn recurring(name: impl Into<Label>, recurrences: impl Into<Vec<Recurrence>>) -> Self {
        let calendar = Calendar::Recurring(recurrences.into());
        Self { name: name.into(), calendar, holds_exempt: false }
    }

    /// Makes the freeze hold exempt jobs, such as rollbacks, too.
    #[must_use]
    pub fn with_exempt_held(self) -> Self {
        Self { holds_exempt: true, ..self }
    }

    /// Returns the name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    /// Returns whether the freeze holds exempt jobs, too.
    #[must_use]
    pub const fn holds_exempt(&self) -> bool {
        self.holds_exempt
    }

    /// Returns the period that is active at the instant.
    #[must_use]
    pub fn active_at(&self, instant: DateTime<Utc>) -> Option<FreezePeriod> {
        match &self.calendar {
            Calendar::Once(period) => Some(*period).filter(|period| period.contains(instant)),
            Calendar::Recurring(recurrences) => {
                let starts_at = open_at(recurrences, instant)?.opens_at();
                let end = next_transition(recurrences, instant).filter(|next| !next.opens);
                Some(FreezePeriod { starts_at, ends_at: end.map(|end| end.at) })
            }
        }
    }

    /// Returns the next period that starts after the instant.
    #[must_use]
    pub fn next_after(&self, instant: DateTime<Utc>) -> Option<FreezePeriod> {
        match &self.calendar {
            Calendar::Once(period) => Some(*period).filter(|period| instant < period.starts_at),
            Calendar::Recurring(recurrences) => {
                self.active_at(next_after(recurrences, instant)?.opens_at())
            }
        }
    }

    /// Returns the freeze as conditions: one for the period that is active at the instant, and one for the
    /// next period, so that no pass is valid into it.
    ///
    /// Each condition counts only during its period. The decision judges that by its own clock, which it
    /// reads after this instant.
    #[must_use]
    pub fn conditions(&self, instant: DateTime<Utc>) -> Vec<Condition> {
        let periods = [self.active_at(instant), self.next_after(instant)];
        periods.into_iter().flatten().map(|period| self.condition(period)).collect()
    }

    fn condition(&self, FreezePeriod { starts_at, ends_at }: FreezePeriod) -> Condition {
        let name = self.name();
        let end = ends_at.map_or("it is lifted".to_owned(), |end| instant::in_words(&end));
        let detail = format!("frozen until {end} by \"{name}\"");
        let condition = Condition {
            from: Some(starts_at),
            until: ends_at,
            ..Condition::unmet(format!("freeze \"{name}\""), "frozen", detail)
        };
        if self.holds_exempt { condition } else { condition.with_exemption() }
    }
}

/// Supplies the freezes that apply to hosts, active or not, such as those of their groups.
///
/// The contract is that of [`ConditionSource`]: one answer for each gate, in order. An error blocks the gates
/// of all hosts, because a freeze may have been missed. Return the same [`Arc`] for hosts that share a freeze:
/// its periods are then computed once.
#[async_trait]
pub trait FreezeSource: Debug + Send + Sync + 'static {
    /// Returns the freezes of each gate's host.
    async fn freezes(&self, gates: &[&GateRecord]) -> Result<Vec<Vec<Arc<Freeze>>>, SourceError>;
}

/// Applies the same freezes to all hosts.
#[async_trait]
impl FreezeSource for Vec<Arc<Freeze>> {
    async fn freezes(&self, gates: &[&GateRecord]) -> Result<Vec<Vec<Arc<Freeze>>>, SourceError> {
        Ok(vec![self.clone(); gates.len()])
    }
}

/// Turns freezes into conditions of gates, for [`WithConditions`](super::WithConditions).
#[derive(Clone, Debug)]
pub struct Freezes {
    source: Arc<dyn FreezeSource>,
    store: Arc<dyn JobStore>,
}

impl Freezes {
    /// Creates the conditions. The store's clock decides which periods are active.
    #[must_use]
    pub fn new(source: Arc<dyn FreezeSource>, store: Arc<dyn JobStore>) -> Self {
        Self { source, store }
    }
}

#[async_trait]
impl ConditionSource for Freezes {
    async fn conditions(&self, gates: &[&GateRecord]) -> Result<Vec<Vec<Condition>>, SourceError> {
        // The clock is read first, so that no period can start unseen between the two reads.
        let now = self.store.now().await.map_err(|error| SourceError::new("freezes", error))?;
        let freezes = self.source.freezes(gates).await?;
        let mut known: HashMap<*const Freeze, Vec<Condition>> = HashMap::new();
        let mut conditions = Vec::with_capacity(freezes.len());
        for freezes in &freezes {
            let mut own = Vec::new();
            for freeze in freezes {
                let entry = known.entry(Arc::as_ptr(freeze));
                own.extend_from_slice(entry.or_insert_with(|| freeze.conditions(now)));
            }
            conditions.push(own);
        }
        Ok(conditions)
    }
}

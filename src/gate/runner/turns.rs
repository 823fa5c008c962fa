//! The order in which attempts take places: first attempts and retries alternate (F137).

use chrono::{DateTime, Utc};

use crate::model::GateId;

/// A due attempt.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct DueAttempt {
    /// The end of the gate's window. The earliest end goes first.
    pub(super) closes_at: DateTime<Utc>,
    /// The time since which the attempt is due. If two gates close together, the one due longer goes first.
    pub(super) due_at: DateTime<Utc>,
    /// The gate.
    pub(super) gate_id: GateId,
    /// Whether the gate has made an attempt before.
    pub(super) retry: bool,
}

/// The turns of first attempts and retries. Neither kind can starve the other: retries of dead hosts do not
/// use up the window of a host that has had no attempt yet.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Turns {
    retry_is_next: bool,
}

impl Turns {
    /// Returns the gates in the order in which they take places.
    pub(super) fn order(self, mut due: Vec<DueAttempt>) -> Vec<GateId> {
        due.sort_unstable();
        let (retries, firsts): (Vec<_>, Vec<_>) = due.into_iter().partition(|one| one.retry);
        let (mut next, mut other) = match self.retry_is_next {
            true => (retries.into_iter(), firsts.into_iter()),
            false => (firsts.into_iter(), retries.into_iter()),
        };
        let mut order = Vec::new();
        while let Some(one) = next.next().or_else(|| other.next()) {
            order.push(one.gate_id);
            std::mem::swap(&mut next, &mut other);
        }
        order
    }

    /// Notes that an attempt has taken its places.
    pub(super) const fn took(&mut self, retry: bool) {
        self.retry_is_next = !retry;
    }
}

#[cfg(test)]
mod tests {
    use chrono::{TimeDelta, TimeZone};
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

        /// While both kinds wait, they alternate over any number of looks. Within a kind, the earliest close goes
        /// first, then the attempt due longest.
        #[test]
        fn f137_first_attempts_and_retries_alternate(
            due in proptest::collection::vec((0_i64..5, 0_i64..5, any::<bool>()), 0..30),
            places in proptest::collection::vec(0_usize..5, 0..20),
        ) {
            let start = Utc.with_ymd_and_hms(2026, 11, 24, 2, 0, 0).single().expect("a date");
            let mut waiting: Vec<DueAttempt> = due.into_iter().zip(0_u128..).map(
                |((closes, due, retry), number)| DueAttempt {
                    closes_at: start + TimeDelta::minutes(closes),
                    due_at: start + TimeDelta::seconds(due),
                    gate_id: GateId::from_uuid(Uuid::from_u128(number)),
                    retry,
                },
            ).collect();
            let (mut turns, mut last) = (Turns::default(), None);
            for places in places {
                let order = turns.order(waiting.clone());
                prop_assert_eq!(order.len(), waiting.len());
                for gate in order.into_iter().take(places) {
                    let place = waiting.iter().position(|one| one.gate_id == gate).expect("it waits");
                    let taken = waiting.swap_remove(place);
                    let same = waiting.iter().filter(|one| one.retry == taken.retry);
                    prop_assert!(same.copied().all(|one| taken < one), "out of order");
                    let both = waiting.iter().any(|one| one.retry != taken.retry);
                    prop_assert!(!both || last != Some(taken.retry), "two turns in a row");
                    last = Some(taken.retry);
                    turns.took(taken.retry);
                }
            }
        }
    }
}

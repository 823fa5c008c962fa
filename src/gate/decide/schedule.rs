//! When a gate's attempts start (G12 to G14).

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::input::GateInput;
use crate::{checks::schedule::stable_hash, clock::delta, model::Window};

/// When the next attempt starts.
pub(super) enum Next {
    /// Now.
    Now,
    /// Then.
    At(DateTime<Utc>),
    /// None fits before the end.
    Never,
}

/// When the next attempt starts: at the retry, or at once where something changed; where the retry
/// comes too late to finish before the end, one last attempt is placed so that it can.
pub(super) fn next(
    input: &GateInput<'_>,
    now: DateTime<Utc>,
    window: Window,
    end: DateTime<Utc>,
) -> Next {
    let policy = input.policy;
    let last_start = end - delta(policy.min_useful());
    // The start of an attempt that has its whole time before the end.
    let full = end - delta(policy.budget());
    let due = match input.gate.last_attempt_at {
        None => {
            let first = input.gate.opened_at.max(window.opens_at());
            let spread = first + delta(spread(input, window));
            if spread > full { first.max(full) } else { spread }
        }
        Some(last) => {
            let soonest = last + delta(policy.min_gap());
            let retry = last + delta(policy.retry);
            if input.dirty {
                soonest
            } else if retry <= full {
                retry
            } else if last >= full {
                // That was the last one.
                return Next::Never;
            } else {
                full.max(soonest)
            }
        }
    };
    if due.max(now) > last_start {
        Next::Never
    } else if due <= now {
        Next::Now
    } else {
        Next::At(due)
    }
}

/// Until when an attempt that is under way may take.
pub(super) fn in_flight_until(
    input: &GateInput<'_>,
    now: DateTime<Utc>,
    end: DateTime<Utc>,
) -> DateTime<Utc> {
    let started = input.gate.last_attempt_at.unwrap_or(now);
    let deadline = started + delta(input.policy.budget());
    deadline.max(now + TimeDelta::seconds(1)).min(end)
}

/// How far into the spread of first attempts this gate's lies: a stable hash of its id (F37).
fn spread(input: &GateInput<'_>, window: Window) -> Duration {
    let width = u64::try_from(input.policy.spread_in(window).as_micros()).unwrap_or(u64::MAX);
    Duration::from_micros(stable_hash(input.gate.id.as_uuid()).checked_rem(width).unwrap_or(0))
}

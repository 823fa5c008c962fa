//! The schedule of a gate's attempts (G12 to G14).

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::input::{GateInput, Times};
use crate::{checks::schedule::stable_hash, clock::delta, model::Window};

/// The start of the next attempt.
pub(super) enum Next {
    /// Now.
    Now,
    /// At this instant.
    At(DateTime<Utc>),
    /// No attempt fits before the end.
    Never,
}

/// Returns when the next attempt starts: at the retry, or at once if something changed. If the retry is too
/// late to finish before the end, one last attempt is placed so that it can.
pub(super) fn next(
    input: &GateInput<'_>,
    times: Times,
    window: Window,
    end: DateTime<Utc>,
) -> Next {
    let (policy, now) = (input.policy, times.gate);
    let last_start = end - delta(policy.min_useful());
    // The latest start of an attempt that has its full time before the end.
    let full = end - delta(policy.budget());
    let due = match input.gate.last_attempt_at {
        None => {
            let opened_at = times.by_clock(input.gate.opened_at);
            let first = opened_at.max(window.opens_at()) + times.offset();
            let spread = first + delta(spread(input, window));
            if spread > full { first.max(full) } else { spread }
        }
        Some(last) => {
            let soonest = last + delta(policy.min_gap());
            let retry = last + delta(policy.retry);
            // A pass expired, or the window moved to later. No result so far counts, so run the checks again
            // promptly (F148).
            if input.dirty || is_void(input, times, last) {
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

/// Returns whether the results of an attempt that started at this instant of the gate's own time no longer
/// count.
pub(super) fn is_void(input: &GateInput<'_>, times: Times, started: DateTime<Utc>) -> bool {
    let void_before = input.gate.void_before.map(|void_before| times.by_clock(void_before));
    void_before.is_some_and(|void_before| started - times.offset() < void_before)
}

/// Returns the latest end of a running attempt.
pub(super) fn in_flight_until(
    input: &GateInput<'_>,
    now: DateTime<Utc>,
    end: DateTime<Utc>,
) -> DateTime<Utc> {
    let started = input.gate.last_attempt_at.unwrap_or(now);
    let deadline = started + delta(input.policy.budget());
    deadline.max(now + TimeDelta::seconds(1)).min(end)
}

/// Returns this gate's delay within the spread of first attempts: a stable hash of its id (F37).
fn spread(input: &GateInput<'_>, window: Window) -> Duration {
    let width = u64::try_from(input.policy.spread_in(window).as_micros()).unwrap_or(u64::MAX);
    Duration::from_micros(stable_hash(input.gate.id.as_uuid()).checked_rem(width).unwrap_or(0))
}

//! The events of a world, as readable lines, a hash over them, and counts of the faults.

use std::{
    fmt::{self, Write as _},
    hash::{DefaultHasher, Hasher},
    time::Duration,
};

macro_rules! events {
    ($($variant:ident $name:literal,)*) => {
        /// A counted event: an action on the system, or a fault.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        #[non_exhaustive]
        pub enum Event {
            $(#[doc = $name] $variant,)*
        }

        impl Event {
            /// All events.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// Returns a short description.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

events! {
    StoreFailedBefore "store call failed before its effect",
    StoreFailedAfter "store call failed after its effect",
    StoreDelayed "store call delayed",
    StoreAnswerDelayed "store answer delayed",
    StoreReadOnly "store read-only",
    StoreFull "store full",
    StoreDown "store down for a while",
    StoreWritesFail "one kind of store call fails for a while",
    StoreSlow "one kind of store call slow for a while",
    SourceFailed "call of a source failed",
    SourceHung "call of a source never answered",
    SourceSlow "call of a source slow",
    NetworkDown "worker's network down for a while",
    ObserverFault "result flagged as the observer's fault",
    IntervalChanged "workers started with another interval",
    StoreClockStepped "store's clock stepped by seconds",
    StoreClockJumped "store's clock jumped and came back",
    WorkerClockStepped "worker's wall clock stepped",
    WorkerKilled "worker killed",
    WorkerStopped "worker stopped in order",
    WorkerPaused "worker paused",
    WorkerSuspended "worker suspended",
    WorkerStarted "worker started",
    CheckAdded "check added",
    CheckChanged "check changed",
    CheckDisabled "check disabled",
    CheckEnabled "check enabled",
    CheckDeleted "check deleted",
    HostMoved "host got another address",
    HostRemoved "host removed",
    HostPaused "host paused",
    HostResumed "host resumed",
    AgentSlow "agent slow",
    AgentDead "agent dead",
    AgentBack "agent well again",
    GateOpened "gate opened",
    HostVerified "host verified after its patch",
    HostRegressed "host worse after its patch",
    HostUnverified "host not verified after its patch",
    VerificationOvertaken "host changed anew while it was verified",
    FleetBegun "rollout over all hosts begun",
    StageBegan "next stage of a rollout begun",
    RolloutHalted "rollout halted",
    RolloutResumed "halted rollout resumed",
    GroupsChanged "groups of hosts limited anew",
    PatchFailed "patch failed",
    GateBusy "host held by another job",
    WindowShortened "window shortened",
    WindowExtended "window extended",
    WindowWithdrawn "window withdrawn",
    WindowMovedLater "window moved to later",
    JobCancelled "job cancelled at its source",
    CancelRequested "cancellation asked of the store",
    Overridden "override given",
    OverrideTakenBack "override taken back",
    OverrideOutlived "check changed under an override",
    RightLost "override's author lost the right",
    SpentTwice "pass spent a second time",
    SpentLate "pass spent around the end of its validity",
    SpentAtClose "pass spent around the close",
    ForgedPass "forged pass spent",
    OldPass "older pass spent",
    ExpiredPass "pass spent that has run out",
    SpentBlindly "pass spent by a caller that looks at nothing",
    ChangedBeside "host changed by an exempt job while a pass waits",
    TargetTurned "target turned",
    TargetSlow "target answers slowly",
    TargetSilent "target never answers",
    TargetPanics "runner panics",
    AnsweredAtClose "answer around the close",
}

/// Counts of every [`Event`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Counts(Vec<u64>);

impl Default for Counts {
    fn default() -> Self {
        Self(vec![0; Event::ALL.len()])
    }
}

impl Counts {
    /// Returns how often the event happened.
    #[must_use]
    pub fn of(&self, event: Event) -> u64 {
        self.0[event as usize]
    }

    pub(crate) fn add(&mut self, event: Event) {
        self.0[event as usize] += 1;
    }

    /// Adds the counts of another run.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine += theirs;
        }
    }
}

/// The events so far.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// Kept only if a caller wants to read the lines.
    lines: Option<Vec<String>>,
    hash: DefaultHasher,
    line: String,
    pub(crate) counts: Counts,
}

impl History {
    pub(crate) fn new(told: bool) -> Self {
        Self { lines: told.then(Vec::new), ..Self::default() }
    }

    pub(crate) fn tell(&mut self, at: Duration, what: fmt::Arguments<'_>) {
        self.line.clear();
        let (seconds, micros) = (at.as_secs(), at.subsec_micros());
        let (days, hours) = (seconds / 86_400, seconds / 3_600 % 24);
        let (minutes, seconds) = (seconds / 60 % 60, seconds % 60);
        // Writing to a string does not fail.
        let _ = write!(
            self.line,
            "day {days} {hours:02}:{minutes:02}:{seconds:02}.{micros:06}  {what}"
        );
        self.hash.write(self.line.as_bytes());
        if let Some(lines) = &mut self.lines {
            lines.push(self.line.clone());
        }
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash.finish()
    }

    pub(crate) fn into_lines(self) -> Vec<String> {
        self.lines.unwrap_or_default()
    }
}

//! A small world: who is in it, what may happen, and how much of it.

use std::time::Duration;

use healthgate::{
    gate::GatePolicy,
    model::{Amount, ReasonCode, RolloutPolicy, RolloutStage, VerifyPolicy},
    testing::Operation,
};

/// A small world that is searched to its end.
#[derive(Clone, Debug)]
pub struct Configuration {
    /// Its name.
    pub name: &'static str,
    /// The runners of gates.
    pub workers: u8,
    /// The maximum number of gates that a worker holds.
    pub most_held: usize,
    /// The hosts, each with the number of its checks. The first check of a host asks its agent, further
    /// ones a URL.
    pub hosts: Vec<u8>,
    /// The gates.
    pub gates: Vec<GatePlan>,
    /// Who spends: each tries the pass of one gate, so many times.
    pub executors: Vec<Executor>,
    /// The checks have run at the beginning.
    pub polled: bool,
    /// How many pollers may run the first host, each once.
    pub pollers: u8,
    /// The window of every job, in seconds from the beginning.
    pub window: (u64, u64),
    /// Nothing is looked at beyond this time.
    pub horizon: Duration,
    /// Instants at which time stops, beside those at which somebody wakes.
    pub instants: Vec<Duration>,
    /// The figures of the gates.
    pub policy: GatePolicy,
    /// How the targets answer at the beginning; healthy where nothing is said.
    pub targets: Vec<(u8, ReasonCode)>,
    /// What may happen, each once.
    pub events: Vec<Event>,
    /// How many events may happen together.
    pub most_events: u8,
    /// How many workers may be killed.
    pub crashes: u8,
    /// How many calls may fail or lose their answer.
    pub faults: u8,
    /// How often time may pass while somebody could go on.
    pub stalls: u8,
    /// How a change may end.
    pub ends: Vec<End>,
    /// The calls before which every task waits for its turn.
    pub stops: Vec<Operation>,
    /// Attempts wait for their turn before they look at a target.
    pub probes_wait: bool,
    /// The rollout of the first job.
    pub rollout: Option<RolloutPolicy>,
    /// All hosts form a group of which so many may be unavailable.
    pub group: Option<u32>,
    /// What has to happen somewhere, so that the search shows something.
    pub expected: Vec<Sight>,
}

/// A gate that is open from the beginning.
#[derive(Clone, Copy, Debug)]
pub struct GatePlan {
    /// Its job.
    pub job: u8,
    /// Its host.
    pub host: u8,
    /// Checks do not hold it back.
    pub exempt: bool,
}

/// Somebody who spends a pass.
#[derive(Clone, Copy, Debug)]
pub struct Executor {
    /// The gate.
    pub gate: u8,
    /// How often.
    pub tries: u8,
}

/// Something that happens from outside.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Event {
    /// The target of a check answers like this from now on.
    Turn(u8, ReasonCode),
    /// A check is changed, and stays enabled or disabled.
    Edit(u8),
    /// A check is disabled.
    Disable(u8),
    /// A check is enabled.
    Enable(u8),
    /// A check is deleted.
    Delete(u8),
    /// The job of a gate is cancelled.
    Cancel(u8),
    /// The window of a job closes at this second.
    Close(u8, u64),
    /// The window of a job opens at this second.
    Open(u8, u64),
    /// The window of a job is withdrawn.
    Withdraw(u8),
    /// The checks of a gate's host may fail, until this second.
    Override(u8, u64),
    /// The override of a gate is taken back.
    TakeBack(u8),
    /// The author of the overrides loses the right to give them.
    LoseRight,
    /// The halted rollout goes on.
    Resume,
}

/// How a change ends.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum End {
    /// It is done.
    Done,
    /// It has failed.
    Failed,
    /// It is done, and its host is verified.
    Verify(VerifyPolicy),
}

/// What can be seen in a world.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Sight {
    /// A pass that can be spent.
    Pass,
    /// A pass that was spent.
    Spent,
    /// A gate that ended without a pass.
    Failure,
    /// A gate that was cancelled.
    Cancellation,
    /// A gate that waits again after a pass.
    Renewal,
    /// An attempt that found a host ill.
    Ill,
    /// A spending that was refused.
    Refusal,
    /// A pass on an override.
    Overridden,
    /// A step of a worker that has lost its gate.
    Fenced,
    /// A gate that waits for a place.
    Held,
    /// A rollout that is halted.
    Halt,
    /// A later stage of a rollout.
    LaterStage,
    /// A host that was verified.
    Verified,
    /// A host that was found regressed.
    Regressed,
    /// A host that stayed unverified.
    Unverified,
    /// A call whose answer was lost.
    Lost,
}

impl Sight {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::Pass,
        Self::Spent,
        Self::Failure,
        Self::Cancellation,
        Self::Renewal,
        Self::Ill,
        Self::Refusal,
        Self::Overridden,
        Self::Fenced,
        Self::Held,
        Self::Halt,
        Self::LaterStage,
        Self::Verified,
        Self::Regressed,
        Self::Unverified,
        Self::Lost,
    ];

    /// Its bit in a set.
    #[must_use]
    pub const fn bit(self) -> u32 {
        1 << self as u8
    }
}

/// The figures of the gates: short, so that few instants matter.
fn policy() -> GatePolicy {
    GatePolicy {
        retry: Duration::from_secs(10),
        timeout: Duration::from_secs(1),
        max_age: Duration::from_secs(12),
        pass_ttl: Duration::from_secs(7),
        spread: Duration::ZERO,
        ..GatePolicy::default()
    }
}

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

impl Configuration {
    /// One worker, one host, one check, one gate.
    fn plain(name: &'static str) -> Self {
        Self {
            name,
            workers: 1,
            most_held: usize::MAX,
            hosts: vec![1],
            gates: vec![GatePlan { job: 1, host: 0, exempt: false }],
            executors: vec![Executor { gate: 0, tries: 1 }],
            polled: false,
            pollers: 0,
            window: (3, 20),
            horizon: seconds(30),
            instants: Vec::new(),
            policy: policy(),
            targets: Vec::new(),
            events: Vec::new(),
            most_events: 0,
            crashes: 0,
            faults: 0,
            stalls: 0,
            ends: Vec::new(),
            stops: vec![Operation::SettleGates, Operation::SpendPass],
            probes_wait: false,
            rollout: None,
            group: None,
            expected: Vec::new(),
        }
    }

    /// The worlds, each as small as it is for an everyday test, or `whole`.
    #[must_use]
    pub fn all(whole: bool) -> Vec<Self> {
        vec![
            Self::gate(whole),
            Self::crashes(whole),
            Self::freshness(whole),
            Self::spending(whole),
            Self::fencing(whole),
            Self::overrides(whole),
            Self::one_host(whole),
            Self::verification(whole),
            Self::soak(whole),
            Self::stages(whole),
            Self::slots(whole),
            Self::budget(whole),
            Self::group(whole),
            Self::polling(whole),
        ]
    }

    /// A gate from its opening to its end: windows, cancellations, edits, crashes and lost answers.
    fn gate(whole: bool) -> Self {
        Self {
            executors: vec![Executor { gate: 0, tries: 2 }],
            events: vec![
                Event::Turn(0, ReasonCode::ServiceUnhealthy),
                Event::Turn(0, ReasonCode::Internal),
                Event::Turn(0, ReasonCode::Ok),
                Event::Edit(0),
                Event::Disable(0),
                Event::Cancel(0),
                Event::Close(1, 12),
                Event::Open(1, 8),
                Event::Withdraw(1),
            ],
            most_events: if whole { 2 } else { 1 },
            expected: vec![
                Sight::Pass,
                Sight::Spent,
                Sight::Failure,
                Sight::Cancellation,
                Sight::Renewal,
                Sight::Refusal,
            ],
            ..Self::plain("gate")
        }
    }

    /// The same gate with a worker that is killed, and calls that fail or lose their answer.
    fn crashes(whole: bool) -> Self {
        Self {
            name: "crashes",
            executors: vec![Executor { gate: 0, tries: 1 }],
            most_events: u8::from(whole),
            crashes: 1,
            faults: 1,
            expected: vec![Sight::Pass, Sight::Spent, Sight::Failure, Sight::Lost],
            ..Self::gate(false)
        }
    }

    /// Two checks with results of the poller: their age, their revision, and runs that are under way while
    /// a check changes.
    fn freshness(whole: bool) -> Self {
        Self {
            hosts: vec![2],
            polled: true,
            window: (12, 26),
            horizon: seconds(36),
            pollers: u8::from(whole),
            instants: vec![seconds(13)],
            events: vec![
                Event::Turn(0, ReasonCode::ServiceUnhealthy),
                Event::Turn(1, ReasonCode::Internal),
                Event::Turn(1, ReasonCode::Ok),
                Event::Edit(0),
                Event::Edit(1),
                Event::Disable(0),
            ],
            most_events: if whole { 2 } else { 1 },
            probes_wait: true,
            stalls: u8::from(whole),
            expected: vec![Sight::Pass, Sight::Spent, Sight::Failure, Sight::Ill],
            ..Self::plain("freshness")
        }
    }

    /// Two executors spend one pass while everything around it changes.
    fn spending(whole: bool) -> Self {
        Self {
            executors: vec![Executor { gate: 0, tries: 1 }, Executor { gate: 0, tries: 1 }],
            polled: true,
            pollers: u8::from(whole),
            window: (3, 12),
            horizon: seconds(19),
            instants: vec![seconds(9)],
            events: vec![
                Event::Turn(0, ReasonCode::ServiceUnhealthy),
                Event::Edit(0),
                Event::Cancel(0),
                Event::Close(1, 9),
                Event::Withdraw(1),
            ],
            most_events: if whole { 2 } else { 1 },
            // A slow spender, whose pass runs out or whose window closes after its last look.
            stalls: 1,
            stops: if whole {
                vec![Operation::HostChanges, Operation::SpendPass, Operation::ReturnPass]
            } else {
                vec![Operation::HostChanges, Operation::SpendPass]
            },
            expected: vec![Sight::Pass, Sight::Spent, Sight::Refusal, Sight::Renewal],
            ..Self::plain("spending")
        }
    }

    /// Two workers: claims, steps that come too late, lost answers, and leases that end.
    fn fencing(whole: bool) -> Self {
        Self {
            workers: 2,
            window: (2, if whole { 32 } else { 20 }),
            horizon: seconds(if whole { 64 } else { 52 }),
            stops: if whole {
                vec![Operation::ClaimGates, Operation::SettleGates]
            } else {
                vec![Operation::SettleGates]
            },
            faults: 1,
            stalls: if whole { 5 } else { 0 },
            expected: if whole {
                vec![Sight::Pass, Sight::Spent, Sight::Fenced, Sight::Lost]
            } else {
                vec![Sight::Pass, Sight::Spent, Sight::Lost]
            },
            ..Self::plain("fencing")
        }
    }

    /// A failing check and an override, which expires, is taken back, or loses its author's right.
    fn overrides(whole: bool) -> Self {
        Self {
            hosts: vec![2],
            targets: vec![(0, ReasonCode::ServiceUnhealthy)],
            window: (3, 20),
            instants: vec![seconds(12)],
            events: vec![
                Event::Override(0, 12),
                Event::TakeBack(0),
                Event::LoseRight,
                Event::Edit(0),
            ],
            most_events: if whole { 3 } else { 2 },
            stalls: 1,
            expected: vec![Sight::Pass, Sight::Spent, Sight::Overridden, Sight::Refusal],
            ..Self::plain("overrides")
        }
    }

    /// Two jobs on one host, of which one is exempt.
    fn one_host(whole: bool) -> Self {
        Self {
            gates: vec![
                GatePlan { job: 1, host: 0, exempt: false },
                GatePlan { job: 2, host: 0, exempt: true },
            ],
            executors: vec![Executor { gate: 0, tries: 1 }, Executor { gate: 1, tries: 1 }],
            polled: true,
            ends: vec![End::Done],
            events: vec![Event::Turn(0, ReasonCode::ServiceUnhealthy), Event::Cancel(1)],
            most_events: u8::from(whole),
            crashes: u8::from(whole),
            stops: vec![Operation::SettleGates, Operation::HostChanges, Operation::SpendPass],
            expected: vec![Sight::Pass, Sight::Spent, Sight::Refusal, Sight::Renewal],
            ..Self::plain("one-host")
        }
    }

    /// A change and the verification after it: settling time, deadline, and checks that change meanwhile.
    fn verification(whole: bool) -> Self {
        let policy = VerifyPolicy { settle: seconds(10), soak: seconds(0), deadline: seconds(45) };
        Self {
            polled: true,
            window: (3, 9),
            horizon: seconds(110),
            ends: vec![End::Verify(policy)],
            events: vec![
                Event::Turn(0, ReasonCode::ServiceUnhealthy),
                Event::Turn(0, ReasonCode::Internal),
                Event::Turn(0, ReasonCode::Ok),
                Event::Edit(0),
                Event::Disable(0),
                Event::Delete(0),
            ],
            most_events: if whole { 2 } else { 1 },
            stops: vec![Operation::SettleVerification],
            expected: vec![Sight::Spent, Sight::Verified, Sight::Regressed, Sight::Unverified],
            ..Self::plain("verification")
        }
    }

    /// A verification with a soak, two workers, and another job whose change ends it.
    fn soak(whole: bool) -> Self {
        let policy = VerifyPolicy { settle: seconds(5), soak: seconds(30), deadline: seconds(70) };
        Self {
            workers: if whole { 2 } else { 1 },
            gates: vec![
                GatePlan { job: 1, host: 0, exempt: false },
                GatePlan { job: 2, host: 0, exempt: true },
            ],
            executors: vec![Executor { gate: 0, tries: 1 }, Executor { gate: 1, tries: 1 }],
            polled: true,
            window: (3, 9),
            horizon: seconds(150),
            ends: vec![End::Verify(policy)],
            events: vec![
                Event::Turn(0, ReasonCode::ServiceUnhealthy),
                Event::Turn(0, ReasonCode::Ok),
            ],
            most_events: if whole { 2 } else { 0 },
            stops: vec![Operation::SpendPass, Operation::SettleVerification],
            expected: vec![Sight::Spent, Sight::Verified, Sight::Unverified],
            ..Self::plain("soak")
        }
    }

    /// A rollout with a canary.
    fn stages(whole: bool) -> Self {
        let verify = VerifyPolicy { settle: seconds(5), soak: seconds(0), deadline: seconds(10) };
        let canary = RolloutStage { up_to: Amount::Hosts(1), soak: seconds(5) };
        Self {
            workers: if whole { 2 } else { 1 },
            hosts: vec![1, 1],
            gates: vec![
                GatePlan { job: 1, host: 0, exempt: false },
                GatePlan { job: 1, host: 1, exempt: false },
            ],
            executors: vec![Executor { gate: 0, tries: 1 }, Executor { gate: 1, tries: 1 }],
            polled: true,
            window: (3, if whole { 30 } else { 20 }),
            horizon: seconds(if whole { 62 } else { 30 }),
            ends: if whole {
                vec![End::Done, End::Failed, End::Verify(verify)]
            } else {
                vec![End::Done, End::Failed]
            },
            events: vec![Event::Resume],
            most_events: 1,
            stops: vec![Operation::SettleRollout, Operation::SpendPass],
            rollout: Some(RolloutPolicy {
                stages: vec![canary],
                max_in_flight: Amount::Hosts(2),
                failure_budget: Amount::Hosts(0),
            }),
            expected: vec![Sight::Spent, Sight::Held, Sight::Halt, Sight::LaterStage],
            ..Self::plain("stages")
        }
    }

    /// A rollout without stages, of which one host may be under change at a time, and one may fail.
    fn slots(whole: bool) -> Self {
        Self {
            workers: 2,
            most_held: 1,
            hosts: vec![1, 1, 1],
            gates: (0..3).map(|host| GatePlan { job: 1, host, exempt: false }).collect(),
            executors: (0..3).map(|gate| Executor { gate, tries: 1 }).collect(),
            polled: true,
            window: (3, 14),
            horizon: seconds(24),
            ends: vec![End::Done, End::Failed],
            events: vec![Event::Turn(0, ReasonCode::ServiceUnhealthy)],
            most_events: u8::from(whole),
            stops: if whole {
                vec![Operation::ClaimGates, Operation::SettleGates, Operation::SpendPass]
            } else {
                vec![Operation::SettleGates, Operation::SpendPass]
            },
            rollout: Some(RolloutPolicy {
                stages: Vec::new(),
                max_in_flight: Amount::Hosts(1),
                failure_budget: Amount::Hosts(0),
            }),
            expected: vec![Sight::Spent, Sight::Held, Sight::Halt],
            ..Self::plain("slots")
        }
    }

    /// A rollout of which no host may fail or stay unverified.
    fn budget(whole: bool) -> Self {
        let verify = VerifyPolicy { settle: seconds(0), soak: seconds(0), deadline: seconds(10) };
        Self {
            workers: if whole { 2 } else { 1 },
            most_held: if whole { 1 } else { usize::MAX },
            hosts: vec![1, 1],
            gates: (0..2).map(|host| GatePlan { job: 1, host, exempt: false }).collect(),
            executors: (0..2).map(|gate| Executor { gate, tries: 1 }).collect(),
            polled: true,
            window: (3, 30),
            horizon: seconds(40),
            ends: vec![End::Verify(verify)],
            events: vec![Event::Turn(0, ReasonCode::Internal)],
            most_events: 1,
            rollout: Some(RolloutPolicy {
                stages: Vec::new(),
                max_in_flight: Amount::Hosts(1),
                failure_budget: Amount::Hosts(0),
            }),
            expected: vec![Sight::Spent, Sight::Held, Sight::Halt, Sight::Unverified],
            ..Self::plain("budget")
        }
    }

    /// Two jobs on two hosts of a group, of which one may be unavailable.
    fn group(whole: bool) -> Self {
        Self {
            workers: 2,
            most_held: 1,
            hosts: vec![1, 1],
            gates: vec![
                GatePlan { job: 1, host: 0, exempt: false },
                GatePlan { job: 2, host: 1, exempt: true },
            ],
            executors: vec![Executor { gate: 0, tries: 2 }, Executor { gate: 1, tries: 1 }],
            polled: true,
            pollers: 1,
            window: (3, 14),
            horizon: seconds(24),
            ends: vec![End::Done],
            events: vec![
                Event::Turn(0, ReasonCode::ServiceUnhealthy),
                Event::Turn(0, ReasonCode::Internal),
            ],
            most_events: u8::from(whole),
            stops: vec![Operation::SettleGates, Operation::SpendPass],
            group: Some(1),
            expected: vec![Sight::Spent, Sight::Held, Sight::Refusal],
            ..Self::plain("group")
        }
    }

    /// The queue of pollers: two of them run one host while its checks change and leases end.
    fn polling(whole: bool) -> Self {
        Self {
            workers: 0,
            hosts: vec![1],
            gates: Vec::new(),
            executors: Vec::new(),
            pollers: 2,
            horizon: seconds(31),
            instants: vec![Duration::from_micros(9_999_999), seconds(10), seconds(15), seconds(30)],
            events: vec![
                Event::Edit(0),
                Event::Disable(0),
                Event::Enable(0),
                Event::Turn(0, ReasonCode::Internal),
            ],
            most_events: if whole { 2 } else { 1 },
            stalls: if whole { 5 } else { 3 },
            stops: vec![Operation::ClaimHosts, Operation::CompleteHosts],
            expected: Vec::new(),
            ..Self::plain("polling")
        }
    }
}

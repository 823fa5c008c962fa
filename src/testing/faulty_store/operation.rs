//! The operations of a store, by name.

use std::fmt;

macro_rules! operations {
    ($($variant:ident $name:literal $effect:ident,)*) => {
        /// A method of [`Store`](crate::store::Store).
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[non_exhaustive]
        pub enum Operation {
            $(#[doc = concat!("`", $name, "`")] $variant,)*
        }

        impl Operation {
            /// All operations.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// Returns the method's name.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Returns whether the call writes. Such calls fail if a store is full or read-only.
            #[must_use]
            pub const fn writes(self) -> bool {
                match self { $(Self::$variant => operations!(@$effect),)* }
            }
        }
    };
    (@reads) => { false };
    (@writes) => { true };
}

operations! {
    InsertCheck "insert_check" writes,
    UpdateCheck "update_check" writes,
    DeleteCheck "delete_check" writes,
    Check "check" reads,
    ChecksOf "checks_of" reads,
    ForgetHost "forget_host" writes,
    States "states" reads,
    Views "views" reads,
    Summaries "summaries" reads,
    History "history" reads,
    PruneResults "prune_results" writes,
    ClaimHosts "claim_hosts" writes,
    CompleteHosts "complete_hosts" writes,
    ReleaseHosts "release_hosts" writes,
    Backlog "backlog" reads,
    Reach "reach" reads,
    DueAt "due_at" reads,
    OpenGate "open_gate" writes,
    OpenEndedGate "open_ended_gate" writes,
    Gate "gate" reads,
    GatesOf "gates_of" reads,
    GenerationsOf "generations_of" reads,
    HoldersOf "holders_of" reads,
    AttemptsOf "attempts_of" reads,
    NewestAttemptsOf "newest_attempts_of" reads,
    ClaimGates "claim_gates" writes,
    WatchGates "watch_gates" writes,
    SettleGates "settle_gates" writes,
    ReleaseGates "release_gates" writes,
    GateOfPass "gate_of_pass" reads,
    SpendPass "spend_pass" writes,
    PruneGates "prune_gates" writes,
    EndHostChange "end_host_change" writes,
    OpenRollout "open_rollout" writes,
    Rollouts "rollouts" reads,
    SettleRollout "settle_rollout" writes,
    ResumeRollout "resume_rollout" writes,
    PutGroups "put_groups" writes,
    GroupsOf "groups_of" reads,
    ChangesOf "changes_of" reads,
    ClaimVerifications "claim_verifications" writes,
    SettleVerification "settle_verification" writes,
    HostChanges "host_changes" reads,
    ReturnPass "return_pass" writes,
    RequestCancel "request_cancel" writes,
    SetOverride "set_override" writes,
    ClearClockOffset "clear_clock_offset" writes,
    AppendAudit "append_audit" writes,
    PruneAudit "prune_audit" writes,
    AuditPage "audit_page" reads,
    InstallId "install_id" writes,
    Canaries "canaries" reads,
    InsertCanary "insert_canary" writes,
    SealedPage "sealed_page" reads,
    ReplaceSecret "replace_secret" writes,
    KeyUses "key_uses" reads,
    ReadClock "read_clock" reads,
    BeginEpoch "begin_epoch" writes,
    Subscribe "subscribe" reads,
    Announce "announce" writes,
}

impl fmt::Display for Operation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

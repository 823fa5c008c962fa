//! Plain data and its rules. Nothing here is asynchronous. The only data read from the system is the time-zone
//! data, once.

mod audit;
mod check;
mod endpoint;
mod epoch;
mod gate;
mod gate_request;
mod group;
mod host_change;
mod ids;
mod input;
pub mod instant;
mod label;
mod new_check;
mod outlook;
mod raw_check;
mod reason;
mod recheck;
mod result;
mod rollout;
mod seconds;
mod secret;
mod stored_check;
mod text;
mod time_zone;
mod url;
mod verification;
mod violation;
mod window;

#[cfg(feature = "testing")]
pub use self::ids::SeededIds;
pub use self::{
    audit::{Actor, AuditAction, AuditEntry, AuditOutcome, AuditRecord, FieldChange, Role},
    check::{CheckDefinition, CheckType, HealthCheck, HttpProbe, Probe, ServiceProbe},
    endpoint::{AgentEndpoint, EndpointError},
    epoch::{ClockEpoch, StoreTime},
    gate::{
        Attempt, AttemptOutcome, EndReason, Evidence, EvidenceReason, GateNote, GateOverride,
        GatePass, GateRecord, GateState, OverriddenCheck, PassKind,
    },
    gate_request::{GateRequest, WindowKind},
    group::{AvailabilityGroup, GroupStatus, is_unavailable},
    host_change::{ChangeEnd, ChangeOutcome, HostChange, HostChangeState},
    ids::{AuditId, CheckId, GateId, HostId, JobId, PassId, WorkerId},
    input::{AppliedChange, CheckChange, NewCheck, Patch},
    label::Label,
    new_check::{NewHttpCheck, NewServiceCheck},
    outlook::{Outlook, WouldHave},
    raw_check::RawCheck,
    reason::{ReasonCode, UnknownReason},
    recheck::{RecheckChange, Rechecked},
    result::{
        CheckResult, CheckState, CheckStatus, CheckView, Damping, Detail, HostStatus, HostSummary,
        ResultSource,
    },
    rollout::{
        Amount, AmountError, Hold, HoldCause, Rollout, RolloutCounts, RolloutPolicy, RolloutStage,
        RolloutState, RolloutStatus, RolloutStep,
    },
    secret::{Password, PasswordTooLong, SealedSecret},
    stored_check::{StoredCheck, UnreadableCheck},
    text::{CheckName, ExpectedBody, ServiceName, UserName, is_deceptive},
    time_zone::{TimeZoneData, TimeZoneName, UnknownTimeZone, UtcOffset},
    url::{CheckUrl, Origin},
    verification::{Verification, VerificationState, VerifiedCheck, VerifyPolicy},
    violation::{Violation, ViolationCode, Violations},
    window::{Window, WindowError},
};

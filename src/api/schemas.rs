//! Schemas of the types below this module, which know nothing of OpenAPI themselves.

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr,
        schema::{ObjectBuilder, Schema, SchemaFormat, Type},
    },
};

use crate::{
    gate::RecheckChange,
    model::{
        AttemptOutcome, AuditAction, AuditId, AuditOutcome, CheckId, CheckStatus, CheckType,
        EndReason, EvidenceReason, GateId, GateState, HostId, HostStatus, JobId, Outlook, PassId,
        PassKind, ReasonCode, ResultSource, Role, WindowKind,
    },
};

/// The schema of an enum whose values serialise as strings.
fn strings<T: serde::Serialize>(values: &[T]) -> RefOr<Schema> {
    let text = |value| serde_json::to_value(value).ok();
    let values: Vec<_> = values.iter().filter_map(text).collect();
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(values)).into()
}

/// Schemas of types which know nothing of OpenAPI themselves.
macro_rules! schemas {
    ($($type:ty: $schema:expr;)*) => {
        $(
            impl PartialSchema for $type {
                fn schema() -> RefOr<Schema> {
                    $schema
                }
            }

            impl ToSchema for $type {}
        )*
    };
}

fn uuid() -> RefOr<Schema> {
    let format = SchemaFormat::Custom("uuid".to_owned());
    ObjectBuilder::new().schema_type(Type::String).format(Some(format)).into()
}

schemas! {
    AuditId: uuid();
    CheckId: uuid();
    GateId: uuid();
    HostId: uuid();
    JobId: uuid();
    PassId: uuid();
    AttemptOutcome: strings(&[
        AttemptOutcome::Running, AttemptOutcome::Finished, AttemptOutcome::Interrupted,
    ]);
    AuditAction: strings(AuditAction::ALL);
    AuditOutcome: strings(&[AuditOutcome::Allowed, AuditOutcome::Refused]);
    CheckStatus: strings(&[CheckStatus::Healthy, CheckStatus::Unhealthy, CheckStatus::Unknown]);
    CheckType: strings(&[CheckType::Service, CheckType::Http]);
    EndReason: strings(&[
        EndReason::WindowClosed, EndReason::WindowWithdrawn, EndReason::JobCancelled,
        EndReason::HostDeleted, EndReason::NotRunCapacity, EndReason::GateBusy,
    ]);
    GateState: strings(&[
        GateState::Waiting, GateState::Passed, GateState::Spent, GateState::Failed,
        GateState::Cancelled,
    ]);
    HostStatus: strings(&[
        HostStatus::None, HostStatus::Unhealthy, HostStatus::Unknown, HostStatus::Healthy,
    ]);
    Outlook: strings(&[Outlook::Proceed, Outlook::Wait, Outlook::Fail]);
    PassKind: strings(&[
        PassKind::Healthy, PassKind::NoChecks, PassKind::Overridden, PassKind::Exempt,
        PassKind::ReportOnly,
    ]);
    ReasonCode: strings(ReasonCode::ALL);
    RecheckChange: strings(&[
        RecheckChange::Same, RecheckChange::Broke, RecheckChange::Mended,
        RecheckChange::StillFailing, RecheckChange::New, RecheckChange::Gone,
    ]);
    ResultSource: strings(&[ResultSource::Poll, ResultSource::Gate]);
    Role: strings(&[Role::Admin, Role::Operator, Role::Reporter, Role::System]);
    WindowKind: strings(&[WindowKind::Maintenance, WindowKind::Immediate]);
    EvidenceReason: ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("a reason code, or the word of one of the application's own conditions"))
        .into();
}

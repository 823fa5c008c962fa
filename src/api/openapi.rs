//! The OpenAPI document, made from the routes: what every operation takes and answers, and with which
//! problem codes.

use std::collections::BTreeMap;

use utoipa::{
    OpenApi,
    openapi::{
        ContentBuilder, RefOr, Response, ResponseBuilder,
        schema::{AllOfBuilder, ObjectBuilder, Ref, Schema, Type},
    },
};

use super::{
    forms::{CheckStatusEvent, GateEvent, RecheckForm},
    problem::ProblemBody,
};

/// What holds for the document as a whole.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Health checks and gates",
        description = "Health checks of hosts, and the gates that hold back patching while they fail. \
                       Every error is a `Problem`; its `code` is stable.",
    ),
    components(schemas(ProblemBody, CheckStatusEvent, GateEvent, RecheckForm)),
    tags(
        (name = "checks", description = "Health checks and their results"),
        (name = "gates", description = "What may be patched now, and why not"),
        (name = "audit", description = "Who did what"),
        (name = "events", description = "Changes as they happen"),
    ),
)]
pub(super) struct Document;

/// The problems of one status that an operation can answer with.
pub(super) type Row = (u16, &'static [&'static str]);

/// What every operation can answer with.
const COMMON: &[Row] =
    &[(401, &["unauthenticated"]), (500, &["internal"]), (503, &["store_unavailable"])];

/// The responses of an operation: its own and the common ones.
pub(super) fn responses(own: &[Row]) -> BTreeMap<String, RefOr<Response>> {
    let mut rows: BTreeMap<u16, Vec<&'static str>> = BTreeMap::new();
    for (status, codes) in COMMON.iter().chain(own) {
        let row = rows.entry(*status).or_default();
        row.extend(codes.iter().filter(|code| !row.contains(code)).copied().collect::<Vec<_>>());
    }
    rows.into_iter()
        .map(|(status, codes)| (status.to_string(), response(status, &codes).into()))
        .collect()
}

fn response(status: u16, codes: &[&'static str]) -> Response {
    let title = axum::http::StatusCode::from_u16(status).ok().and_then(|it| it.canonical_reason());
    let code = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(codes.to_vec()));
    let problem = AllOfBuilder::new()
        .item(Ref::from_schema_name("Problem"))
        .item(ObjectBuilder::new().property("code", code).required("code"));
    ResponseBuilder::new()
        .description(title.unwrap_or("Error"))
        .content(
            "application/problem+json",
            ContentBuilder::new().schema(Some(Schema::from(problem.build()))).build(),
        )
        .build()
}

/// Names the problems that an operation can answer with, beside those that every one can.
macro_rules! problems {
    ($(#[$doc:meta])* $name:ident { $($status:literal: [$($code:literal),* $(,)?],)* }) => {
        $(#[$doc])*
        pub(super) struct $name;

        impl utoipa::IntoResponses for $name {
            fn responses() -> std::collections::BTreeMap<
                String,
                utoipa::openapi::RefOr<utoipa::openapi::response::Response>,
            > {
                crate::api::openapi::responses(&[$(($status, &[$($code),*])),*])
            }
        }
    };
}
pub(super) use problems;

//! The OpenAPI document, generated from the routes: parameters, bodies, answers and problem codes of every
//! operation.

use std::collections::BTreeMap;

use utoipa::{
    IntoResponses, Modify, OpenApi,
    openapi::{
        ContentBuilder, RefOr, Response, ResponseBuilder,
        extensions::ExtensionsBuilder,
        schema::{ObjectBuilder, Ref, Schema, Type},
        security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
    },
};

use super::{
    forms::{CheckStatusEvent, GateEvent, VerificationForm},
    problem::{Problem, ProblemBody},
};
use crate::model::EvidenceReason;

/// The metadata of the whole document.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Health checks and gates",
        description = "Health checks of hosts, and the gates that hold back patching while they fail. \
                       Every error is a `Problem`; its `code` is stable.",
    ),
    components(schemas(ProblemBody, CheckStatusEvent, GateEvent, VerificationForm)),
    modifiers(&BearerToken),
    tags(
        (name = "checks", description = "Health checks and their results"),
        (name = "gates", description = "Which hosts may be patched now, and what holds the others back"),
        (name = "audit", description = "The audit log"),
        (name = "events", description = "Changes as they happen"),
    ),
)]
pub(super) struct Document;

/// One status with the problem codes that an operation can answer with.
pub(super) type Row = (u16, &'static [&'static str]);

/// The problems that every operation can answer with.
const COMMON: &[Row] =
    &[(401, &["unauthenticated"]), (500, &["internal"]), (503, &["store_unavailable"])];

/// The scheme of [`Problem::unauthenticated`]'s `WWW-Authenticate`.
struct BearerToken;

impl Modify for BearerToken {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("The application authenticates; this library asks it who calls."));
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(scheme.build()));
        document.security = Some(vec![SecurityRequirement::new("token", Vec::<String>::new())]);
    }
}

/// Returns the single response that describes all problems of an operation. Its description lists them by
/// status, and `x-problems` does so for programs.
pub(super) fn responses(own: &[Row]) -> BTreeMap<String, RefOr<Response>> {
    let mut rows: BTreeMap<u16, Vec<&'static str>> = BTreeMap::new();
    for (status, codes) in COMMON.iter().chain(own) {
        let row = rows.entry(*status).or_default();
        row.extend(codes.iter().filter(|code| !row.contains(code)).copied().collect::<Vec<_>>());
    }
    let row = |(status, codes): (&u16, &Vec<&str>)| format!("{status} `{}`", codes.join("`, `"));
    let listed: Vec<String> = rows.iter().map(row).collect();
    let by_status: BTreeMap<String, &Vec<&str>> =
        rows.iter().map(|(status, codes)| (status.to_string(), codes)).collect();
    let extensions = ExtensionsBuilder::new().add("x-problems", serde_json::json!(by_status));
    let response = problem_response(&format!("A problem: {}.", listed.join("; ")))
        .extensions(Some(extensions.build()))
        .build();
    BTreeMap::from([("default".to_owned(), response.into())])
}

fn problem_response(description: &str) -> ResponseBuilder {
    let body = RefOr::<Schema>::Ref(Ref::from_schema_name("Problem"));
    ResponseBuilder::new()
        .description(description)
        .content("application/problem+json", ContentBuilder::new().schema(Some(body)).build())
}

/// Serves the application's own operations: `responses((status = 200, …), Problem)`.
impl IntoResponses for Problem {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let response = problem_response("A problem: `status` and `code` say which.").build();
        BTreeMap::from([("default".to_owned(), response.into())])
    }
}

/// Not derived: a `oneOf` of the codes and any text would match a code twice.
impl utoipa::PartialSchema for EvidenceReason {
    fn schema() -> RefOr<Schema> {
        let description = "a reason code, or a word that a condition of the application defines";
        ObjectBuilder::new().schema_type(Type::String).description(Some(description)).into()
    }
}

impl utoipa::ToSchema for EvidenceReason {}

/// Lists the problems that an operation can answer with, in addition to the common ones.
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

//! The web process: the routes of the library and the application, the user interface, and the endpoints
//! for operators' tools.

mod auth;
mod bulk;
mod compression;
mod freezes;
mod groups;
mod host_list;
mod host_totals;
mod hosts;
mod jobs;
mod load;
mod me;
mod monitoring;
mod problems;
mod refusals;
mod rights;
mod settings;
mod status;
mod summaries;
mod texts;
mod ui;
mod windows;

use std::sync::Arc;

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request},
    http::{HeaderValue, Method, StatusCode, Uri, Version, header, uri::Authority},
    middleware::{Next, from_fn, from_fn_with_state},
    response::{IntoResponse as _, Response},
};
use healthgate::api::{self, Api, BODY_LIMIT, HOSTS_BODY_LIMIT, Problem};
use tokio_util::sync::CancellationToken;
use utoipa::OpenApi as _;
use utoipa_axum::{router::OpenApiRouter, routes as operation};

pub(crate) use self::{load::Load, monitoring::Monitoring, status::Liveness};
use self::{problems::Document, rights::Rights, summaries::Summaries};
use crate::{app::App, config::TestLimits};

/// The state of the application's handlers. A clone is another handle to the same state.
#[derive(Clone)]
pub(crate) struct Web(Arc<Parts>);

struct Parts {
    app: App,
    api: Api,
    load: Load,
    summaries: Summaries,
    open_paths: &'static [&'static str],
    document: std::sync::OnceLock<String>,
}

/// Routes that some processes add to the site.
pub(crate) struct ExtraRoutes {
    pub(crate) routes: OpenApiRouter<Web>,
    /// The paths among them that require no token.
    pub(crate) open_paths: &'static [&'static str],
}

/// The web process's routes, and the future that feeds its event streams.
pub(crate) struct Site {
    pub(crate) router: Router,
    api: Api,
}

impl Site {
    /// Creates the site of an application.
    pub(crate) fn new(
        app: &App,
        tests: TestLimits,
        liveness: &Liveness,
        monitoring: Option<Monitoring>,
        extra: Option<ExtraRoutes>,
        load: Load,
    ) -> Self {
        let checks = app.checks(app.keys.clone(), liveness.poller_nudge());
        let gate = match liveness.gate_nudge() {
            Some(nudge) => app.gate().with_nudge(nudge),
            None => app.gate(),
        };
        let authorizer = Arc::new(Rights::new(app.directory.clone(), app.database.clone()));
        let api = Api::builder(
            app.store.clone(),
            checks,
            gate,
            app.directory.clone(),
            authorizer,
            app.clock.clone(),
        )
        .with_jobs(app.directory.clone())
        .with_windows(app.directory.clone())
        .with_stale_after(app.stale_after())
        .with_tests_per_minute(tests.per_user, tests.per_host)
        .with_event_streams(load.streams())
        .build();
        let web = Web(Arc::new(Parts {
            app: app.clone(),
            api: api.clone(),
            load: load.clone(),
            summaries: Summaries::new(app.store.clone(), app.database.clone(), app.stale_after()),
            open_paths: extra.as_ref().map_or(&[], |extra| extra.open_paths),
            document: std::sync::OnceLock::new(),
        }));
        let extra = extra.map(|extra| extra.routes);
        Self { router: router(&web, &api, load, monitoring, extra), api }
    }

    /// Returns whether event streams are fed.
    pub(crate) fn is_streaming(&self) -> bool {
        self.api.events().is_running()
    }

    /// Feeds the event streams and records refusals, until `shutdown` is cancelled.
    pub(crate) async fn run(&self, shutdown: CancellationToken) {
        self.api.run(shutdown).await;
    }
}

/// Returns the application's own operations, without those that only some processes have.
pub(crate) fn operations() -> OpenApiRouter<Web> {
    OpenApiRouter::<Web>::with_openapi(Document::openapi())
        .routes(operation!(me::me))
        .routes(operation!(settings::read))
        .routes(operation!(freezes::list))
        .routes(operation!(groups::list))
        .routes(operation!(hosts::list))
        .routes(operation!(hosts::read))
        .routes(operation!(hosts::pause))
        .routes(operation!(host_totals::read))
        .routes(operation!(jobs::of_host))
        .routes(operation!(windows::list, windows::create))
        .routes(operation!(windows::read, windows::change, windows::delete))
        .merge(
            OpenApiRouter::new()
                .routes(operation!(jobs::list, jobs::create))
                .routes(operation!(jobs::override_hosts))
                .routes(operation!(jobs::cancel_hosts))
                .routes(operation!(bulk::pause_hosts))
                .layer(DefaultBodyLimit::max(HOSTS_BODY_LIMIT)),
        )
        .routes(operation!(jobs::read))
        .routes(operation!(jobs::read_host))
        .routes(operation!(jobs::cancel))
        .routes(operation!(jobs::resume))
        .routes(operation!(status::document))
}

fn router(
    web: &Web,
    api: &Api,
    load: Load,
    monitoring: Option<Monitoring>,
    extra: Option<OpenApiRouter<Web>>,
) -> Router {
    let own = match extra {
        Some(extra) => operations().merge(extra),
        None => operations(),
    };
    let (own, own_document) = own.split_for_parts();
    let own: Router<Web> = own
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(from_fn(api::envelope));
    let (library, library_document) = api::routes::<Web>(api).split_for_parts();
    let mut document = own_document;
    document.merge(library_document);
    // The document is set only here. The handler serves it from then on.
    let _ = web.0.document.set(document.to_json().unwrap_or_default());
    let authenticated =
        own.merge(library).layer(from_fn_with_state(web.clone(), auth::authenticate));
    let unknown = Router::new()
        .route("/api/{*rest}", axum::routing::any(api::fallback))
        .layer(from_fn(api::envelope))
        .layer(from_fn_with_state(web.clone(), auth::authenticate));
    let watched = match monitoring {
        Some(monitoring) => monitoring.routes(),
        // The page must not answer a probe that calls the wrong listener.
        None => Router::new()
            .route("/readyz", axum::routing::any(api::fallback))
            .route("/metrics", axum::routing::any(api::fallback)),
    };
    Router::new()
        .merge(watched)
        .merge(authenticated)
        .merge(unknown)
        .merge(Router::new().fallback(ui::serve).layer(from_fn(load::ordinary)))
        .with_state(web.clone())
        .layer(from_fn_with_state(load.clone(), load::bound))
        .merge(alive(load))
        .layer(compression::layer())
        .layer(from_fn(compression::bounds))
        .layer(from_fn(harden))
}

/// Returns the route that reports that the process is alive, under any load.
fn alive(load: Load) -> Router {
    Router::new()
        .route("/healthz", axum::routing::get(status::healthz))
        .layer(from_fn(options))
        .layer(from_fn_with_state(load, load::unbound))
}

/// Answers `OPTIONS` for read-only routes (F182).
async fn options(request: Request, next: Next) -> Response {
    const READ: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");
    let asked = request.method() == Method::OPTIONS;
    let mut response =
        if asked { StatusCode::NO_CONTENT.into_response() } else { next.run(request).await };
    if asked || response.status() == StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().insert(header::ALLOW, READ);
    }
    response
}

/// Returns whether a request names its host as RFC 9112 (3.2) requires. Two programs that read it
/// differently can be tricked (F263).
fn names_one_host(request: &Request) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => is_host(host) && agrees(host, request.uri()),
        (None, _) => request.version() < Version::HTTP_11,
        (Some(_), Some(_)) => false,
    }
}

/// Returns whether this is a host, with or without a port. Two hosts joined by a proxy are not.
fn is_host(value: &HeaderValue) -> bool {
    let is_odd = |byte: &u8| matches!(byte, b'@' | b',');
    let Ok(authority) = Authority::try_from(value.as_bytes()) else { return false };
    let is_whole = authority.as_str() == authority.host() || authority.port_u16().is_some();
    is_whole && !value.as_bytes().iter().any(is_odd)
}

/// Returns whether a request target that names a host names the same one.
fn agrees(host: &HeaderValue, target: &Uri) -> bool {
    target
        .authority()
        .is_none_or(|named| named.as_str().as_bytes().eq_ignore_ascii_case(host.as_bytes()))
}

/// Sets the headers of every answer.
async fn harden(request: Request, next: Next) -> Response {
    let mut response = match names_one_host(&request) {
        true => next.run(request).await,
        false => Problem::malformed("name one host, in one `Host` header").into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    // Answers without the header are not cached, above all those to clients that are not signed in.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
    response
}

//! Mounts the library's routes in an axum application with its own routes and users.
//!
//! `cargo run --features api --example mount_api` prints curl commands to try.

use std::{error::Error, sync::Arc};

use axum::{
    Json,
    extract::Request,
    http::header::AUTHORIZATION,
    middleware::{Next, from_fn},
    response::Response,
    routing::get,
};
use healthgate::{
    CancellationToken, Healthgate,
    api::{Caller, Problem, RolesAndGroups, envelope, fallback, routes},
    checks::MutualTlsAgents,
    crypto::{Key, KeyRing},
    directory::StaticDirectory,
    model::{Actor, AgentEndpoint, Role},
    store::MemoryStore,
};
use healthgate_testkit::{Agent, Authority, ServiceScript};

/// The application's authentication. It determines the caller. A real one reads the user and the user's
/// current role from its database. The routes check the user's rights themselves.
async fn sign_in(mut request: Request, next: Next) -> Response {
    let token = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let role = match token {
        Some("Bearer ada") => Some(("ada", Role::Admin)),
        Some("Bearer olga") => Some(("olga", Role::Operator)),
        _ => None,
    };
    if let Some((name, role)) = role {
        request.extensions_mut().insert(Actor::new(name, role));
    }
    next.run(request).await
}

/// A route of the application that uses the library's callers and errors.
async fn who_am_i(Caller(actor): Caller) -> Result<Json<Actor>, Problem> {
    Ok(Json(actor))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // One host with an agent over mutual TLS.
    let authority = Authority::new("example");
    let agent =
        Agent::builder(&authority).with_service("sshd", ServiceScript::Healthy).start().await?;
    let endpoint = AgentEndpoint::new(agent.addr().ip().to_string(), agent.addr().port(), None)?;
    let hosts = Arc::new(StaticDirectory::new());
    let host = hosts.add(Some(endpoint), &["web"]);
    hosts.grant("olga", &["web"]);

    // The parts that the routes need.
    let manager = authority.issue_client("manager");
    let agents = MutualTlsAgents::from_pem(
        authority.ca_pem().as_bytes(),
        manager.cert_pem.as_bytes(),
        manager.key_pem.as_bytes(),
    )?;
    let healthgate = Healthgate::builder(Arc::new(MemoryStore::default()), hosts.clone())
        .agents(Arc::new(agents))
        .keys(KeyRing::new(Key::generate()?))
        .build()
        .await?;
    let api = healthgate.api(Arc::new(RolesAndGroups::new(hosts))).build();

    // The application's router: the library's routes, one of its own, and authentication around both.
    let (router, document) = routes(&api).split_for_parts();
    let document = Json(document);
    let app = router
        .route("/api/v1/who-am-i", get(who_am_i))
        .layer(from_fn(sign_in))
        .route("/api/v1/openapi.json", get(|| async { document }))
        .fallback(fallback)
        .layer(from_fn(envelope));

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    println!("curl -H 'Authorization: Bearer olga' \\");
    println!(
        "  --json '{{\"name\":\"ssh\",\"check_type\":\"service\",\"service_name\":\"sshd\"}}' \\"
    );
    println!("  http://{address}/api/v1/hosts/{host}/health-checks/test");
    let stop = CancellationToken::new();
    let server = axum::serve(listener, app).with_graceful_shutdown(stop.clone().cancelled_owned());
    let interrupted = async {
        let _ = tokio::signal::ctrl_c().await;
        stop.cancel();
    };
    let serving =
        async { tokio::join!(server.into_future(), api.run(stop.clone()), interrupted).0 };
    Ok(healthgate.run_while(serving).await?)
}

//! The manager with the library in it: what its web process and its worker are built from.

use std::{error::Error, path::Path, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Request, State},
    http::header::AUTHORIZATION,
    middleware::{Next, from_fn, from_fn_with_state},
    response::Response,
};
use healthgate::{
    ConfigError,
    api::{Api, RolesAndGroups, envelope, fallback, routes},
    checks::{
        Capacity, CheckManager, CheckRunner, DestinationPolicy, HttpClient, HttpClientConfig,
        MutualTlsAgents, Poller, PollerConfig, may_create_key, register_keys,
    },
    clock::SystemClock,
    crypto::KeyFiles,
    gate::{Gate, GatePolicy, GateRunner, GateRunnerConfig, StoredChecks},
    model::{Actor, Role},
    store::{
        SecretStore,
        postgres::{PgStore, pool_options, session_options},
    },
};
use healthgate_testkit::Authority;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::integration::{
    directory::Hosts,
    executor::{Executor, Patcher},
    hook::ManagerHook,
    windows::JobWindows,
};

/// What both processes have of the library.
pub(crate) struct Manager {
    pub(crate) pool: PgPool,
    pub(crate) store: Arc<PgStore>,
    pub(crate) checks: CheckManager,
    hosts: Arc<Hosts>,
    windows: Arc<JobWindows>,
    runner: Arc<CheckRunner>,
    health: Arc<StoredChecks>,
    policy: GatePolicy,
}

impl Manager {
    pub(crate) async fn new(
        url: &str,
        key_file: &Path,
        authority: &Authority,
    ) -> Result<Self, Box<dyn Error>> {
        // The library's store has a pool of its own: its sessions have short timeouts.
        let own = pool_options(4).connect_with(session_options(url.parse()?)).await?;
        let store = Arc::new(PgStore::new(own).with_hook(Arc::new(ManagerHook)));
        store.migrate().await?;

        // The old key file goes on. Passwords of the old form open until a rotation has bound them.
        let ring = KeyFiles::new(key_file).load(may_create_key(&*store).await?)?;
        let ring = ring.with_unbound_envelopes(true);
        let keys = register_keys(&*store, ring, &Actor::system()).await?;

        let client = authority.issue_client("manager");
        let agents = MutualTlsAgents::from_pem(
            authority.ca_pem().as_bytes(),
            client.cert_pem.as_bytes(),
            client.key_pem.as_bytes(),
        )?;
        // The fleet of this test is on loopback, where checks do not go by default.
        let destinations =
            DestinationPolicy { allowed: vec!["127.0.0.0/8".parse()?], ..Default::default() };
        let http = HttpClient::new(HttpClientConfig { destinations, ..Default::default() })?;
        let install = store.install_id().await?;
        let runner = Arc::new(CheckRunner::new(Arc::new(agents), http, keys.sealer(), install));

        let pool = pool_options(8).connect(url).await?;
        let hosts = Arc::new(Hosts { pool: pool.clone() });
        // A test's figures; the defaults are those of a manager: a retry each five minutes.
        let policy = GatePolicy {
            retry: Duration::from_secs(1),
            timeout: Duration::from_secs(2),
            spread: Duration::ZERO,
            ..GatePolicy::default()
        };
        let health =
            StoredChecks::new(store.clone(), runner.clone(), hosts.clone(), policy.timeout);
        Ok(Self {
            checks: CheckManager::new(store.clone(), keys, hosts.clone(), runner.clone()),
            windows: Arc::new(JobWindows { pool: pool.clone() }),
            health: Arc::new(health),
            pool,
            store,
            hosts,
            runner,
            policy,
        })
    }

    pub(crate) fn gate(&self) -> Gate {
        Gate::new(
            self.store.clone(),
            self.health.clone(),
            self.windows.clone(),
            Arc::new(SystemClock),
            self.policy.clone(),
        )
        .expect("a valid policy")
    }

    /// The web process: the library's routes among the manager's, behind its own authentication.
    pub(crate) fn web(&self) -> (Router, Api) {
        // As in the manager, its operators operate the hosts that are in no group.
        let rights = Arc::new(RolesAndGroups::new(self.hosts.clone()).with_open_ungrouped());
        let api = Api::builder(
            self.store.clone(),
            self.checks.clone(),
            self.gate(),
            self.hosts.clone(),
            rights,
            Arc::new(SystemClock),
        )
        .build();
        let (router, _document) = routes(&api).split_for_parts();
        let router = router
            .layer(from_fn_with_state(self.pool.clone(), sign_in))
            .fallback(fallback)
            .layer(from_fn(envelope));
        (router, api)
    }

    /// What runs the gates that are opened anywhere.
    pub(crate) fn gates(&self) -> Result<GateRunner, ConfigError> {
        GateRunner::new(
            self.store.clone(),
            self.health.clone(),
            self.windows.clone(),
            Arc::new(SystemClock),
            self.policy.clone(),
            GateRunnerConfig { tick: Duration::from_millis(100), ..GateRunnerConfig::default() },
        )
    }

    /// The worker process: poller, gates and the job executor, until it is told to stop.
    pub(crate) async fn work(
        &self,
        patcher: Arc<dyn Patcher>,
        stop: CancellationToken,
    ) -> Result<(), Box<dyn Error>> {
        let clock = Arc::new(SystemClock);
        let capacity = Capacity::new(64);
        let config = PollerConfig { timeout: self.policy.timeout, ..Default::default() };
        let poller = Poller::new(
            self.store.clone(),
            self.runner.clone(),
            self.hosts.clone(),
            clock,
            config,
        )?
        .with_capacity(capacity.clone());
        let gates = self.gates()?.with_capacity(capacity);
        let executor = Executor {
            pool: self.pool.clone(),
            store: self.store.clone(),
            gate: self.gate().with_nudge(gates.nudge_handle()),
            windows: self.windows.clone(),
            patcher,
        };
        tokio::join!(poller.run(stop.clone()), gates.run(stop.clone()), executor.run(stop));
        Ok(())
    }
}

/// The manager's authentication, here with the user's name as the token. The role is the one that
/// they have now.
async fn sign_in(State(pool): State<PgPool>, mut request: Request, next: Next) -> Response {
    let token = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    if let Some(name) = token.and_then(|token| token.strip_prefix("Bearer ")) {
        let role = sqlx::query_scalar("select role from users where username = $1").bind(name);
        let role: Option<String> = role.fetch_optional(&pool).await.unwrap_or_default();
        let role = match role.as_deref() {
            Some("admin") => Some(Role::Admin),
            Some("operator") => Some(Role::Operator),
            Some("reporter") => Some(Role::Reporter),
            _ => None,
        };
        if let Some(role) = role {
            let actor = Actor::new(name, role);
            request.extensions_mut().insert(actor);
        }
    }
    next.run(request).await
}

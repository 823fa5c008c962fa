//! The store behind PgBouncer in transaction mode (F243): the real program, where it is installed.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    process::{Child, Command, Stdio},
    time::Duration,
};

use chrono::TimeDelta;
use futures_util::future::join_all;
use healthgate::{
    model::{HostId, ReasonCode, WorkerId},
    store::{
        ClaimRequest, PollQueue, PruneOutcome, ResultStore, StoreBase, StoreEvent,
        postgres::{PgStore, pool_options, pooler_options},
    },
};
use sqlx::postgres::PgConnectOptions;
use tempfile::TempDir;

use crate::postgres::support::{LEASE, completion, database, make_check, record};

const PROGRAM: &str = "/usr/sbin/pgbouncer";

/// The program, in front of a server; it ends with this value.
struct Pooler {
    child: Child,
    port: u16,
    _place: TempDir,
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Pooler {
    /// Two sessions on the server, for however many clients.
    fn start(server: u16) -> Self {
        let place = tempfile::tempdir().expect("a folder");
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|free| free.local_addr());
        let port = port.expect("a port").port();
        let config = place.path().join("pgbouncer.ini");
        let text = format!(
            "[databases]\n* = host=127.0.0.1 port={server} user=postgres\n[pgbouncer]\n\
             listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n\
             pool_mode = transaction\ndefault_pool_size = 2\nmax_client_conn = 100\n"
        );
        fs::write(&config, text).expect("written");
        let mut command = Command::new(PROGRAM);
        if rustix::process::geteuid().is_root() {
            // It refuses to run as root.
            command.args(["-u", "postgres"]);
            open(place.path(), 0o755);
            open(&config, 0o644);
        }
        let child = command.arg(&config).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        Self { child: child.expect("started"), port, _place: place }
    }

    fn options(&self, database: &str) -> PgConnectOptions {
        let url = format!("postgres://postgres@127.0.0.1:{}/{database}?sslmode=disable", self.port);
        pooler_options(url.parse().expect("a URL"))
    }
}

fn open(path: &std::path::Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("opened");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f243_behind_a_pooler_clients_share_sessions_and_leave_nothing_in_them() {
    if !std::path::Path::new(PROGRAM).exists() {
        eprintln!("pgbouncer is not installed: left out");
        return;
    }
    let (server, database) = database();
    let pooler = Pooler::start(server.port());
    let direct: PgConnectOptions = server.url(&database).parse().expect("a URL");
    for schema in [None, Some("its_own")] {
        let mut stores = Vec::new();
        for _ in 0..4 {
            let pool = pool_options(3).acquire_timeout(Duration::from_secs(30));
            let pool = pool.connect_with(pooler.options(&database)).await.expect("connected");
            let store = PgStore::new(pool).with_pooler(direct.clone());
            stores.push(match schema {
                None => store,
                Some(schema) => store.with_schema(schema.parse().expect("a name")),
            });
        }
        let store = stores[0].clone();
        store.migrate().await.expect("migrated");
        let mut events = store.subscribe().await.expect("it listens");
        let now = store.now().await.expect("the time");
        make_check(&store, HostId::generate(), "first").await;
        assert!(matches!(events.next().await, Some(StoreEvent::CheckStatus { .. })));
        for second in 0..2 {
            let at = now - TimeDelta::days(10) + TimeDelta::seconds(second);
            record(&store, ReasonCode::Ok, at).await;
        }
        // Four programs at once, in two sessions.
        let work = stores.iter().map(|store| async {
            for round in 0..15 {
                let host = HostId::generate();
                make_check(store, host, "sshd").await;
                let worker = WorkerId::generate();
                let request = ClaimRequest::new(worker, 9, LEASE).with_named(vec![host]);
                let claims = store.claim_hosts(request).await.expect("claimed");
                let due = claims.now + TimeDelta::hours(1);
                let batch = claims.hosts.iter().map(|claim| completion(claim, claims.now, due));
                let done = store.complete_hosts(worker, batch.collect()).await.expect("completed");
                assert!(done.fenced.is_empty(), "round {round}");
                let views = store.views(&[host], Duration::from_secs(60)).await.expect("read");
                assert_eq!(views.len(), 1);
            }
        });
        join_all(work).await;
        let pruned = store.prune_results(Duration::from_secs(4 * 24 * 3600), 9, false).await;
        assert_eq!(pruned.expect("pruned"), PruneOutcome::Done { deleted: 1 });
        // What the store sets ends with its transaction.
        let set: (String, String, String) = sqlx::query_as(
            "select current_setting('lock_timeout'), current_setting('statement_timeout'), \
             current_setting('search_path')",
        )
        .persistent(false)
        .fetch_one(&mut *store.pool().begin().await.expect("begun"))
        .await
        .expect("read");
        assert_eq!((&*set.0, &*set.1), ("0", "0"));
        assert!(!set.2.contains("its_own"));
        for store in stores {
            store.pool().close().await;
        }
    }
}

//! A throw-away Postgres, with a fleet of hosts in the library's tables and one in the manager's.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use healthgate::{
    checks::schedule::next_slot,
    directory::StaticDirectory,
    model::HostId,
    store::postgres::{PgStore, pool_options, session_options},
};
use healthgate_testkit::{MANAGER_CHECK_TABLES, Postgres};
use sqlx::{PgPool, postgres::PgPoolOptions};
use uuid::Uuid;

use crate::{Outcome, cpu, fleet};

/// A running server. Dropping it ends it.
pub(crate) struct Database {
    server: Postgres,
    postmaster: u32,
    /// Prepares fleets, and is not measured.
    pool: PgPool,
    pub(crate) store: Arc<PgStore>,
}

/// The number of checks of every host.
pub(crate) const CHECKS: usize = 5;
/// Inserts the checks of the hosts `$1`. If there is a URL `$2`, each host's first check asks for it.
const INSERT_CHECKS: &str = "insert into host_health_checks \
     (host_id, name, check_type, service_name, url, expected_body, ignore_cert_errors) \
     select host, 'check', kind, case kind when 'service' then 'nginx' end, \
     case kind when 'http' then $2 end, case kind when 'http' then 'status: ok' end, false \
     from unnest($1::uuid[]) host, generate_series(1, 5) number, \
     lateral (select case when number = 1 and $2::text is not null then 'http' else 'service' end) as k (kind)";
/// Inserts a state for every check.
const INSERT_STATES: &str = "insert into health_states (check_id, host_id, revision, reason, detail, \
     latency_ms, checked_at, source, observer_fault, status, since, in_a_row) \
     select id, host_id, revision, 'ok', 'Service nginx is active (running)', 1, now(), 'poll', false, \
     'healthy', now(), 1 from host_health_checks order by host_id";

impl Database {
    /// Starts a server that waits for the disk, as in production, and creates the library's tables.
    pub(crate) async fn start() -> Outcome<Self> {
        let server = Postgres::builder()
            .with_setting("shared_buffers", "512MB")
            .with_setting("max_wal_size", "4GB")
            .with_setting("fsync", "on")
            .with_setting("full_page_writes", "on")
            .start()?;
        let url = server.url(&server.create_database()?);
        let sessions = pool_options(8).connect_with(session_options(url.parse()?)).await?;
        // Its statements may take long, as those of the library must not.
        let pool = PgPoolOptions::new().max_connections(1).connect(&url).await?;
        let backend: i32 = sqlx::query_scalar("select pg_backend_pid()").fetch_one(&pool).await?;
        let postmaster = cpu::parent(u32::try_from(backend)?)?;
        let store = Arc::new(PgStore::new(sessions));
        store.migrate().await?;
        Ok(Self { server, postmaster, pool, store })
    }

    /// Returns the processor time of all of the server's processes.
    pub(crate) fn cpu(&self) -> Outcome<Duration> {
        Ok(cpu::tree(self.postmaster)?)
    }

    /// Returns the bytes of write-ahead log so far.
    pub(crate) async fn wal(&self) -> Outcome<u64> {
        let position = "select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint";
        let bytes: i64 = sqlx::query_scalar(position).fetch_one(&self.pool).await?;
        Ok(u64::try_from(bytes)?)
    }

    /// Replaces the fleet with one host at each of these agents, with five checks each: service checks, or
    /// one HTTP check of this URL among them. They are not scheduled yet.
    pub(crate) async fn fill(&self, agents: &[SocketAddr], url: Option<&str>) -> Outcome<Fleet> {
        let clear = "truncate host_health_checks, health_schedule, health_states cascade";
        sqlx::raw_sql(clear).execute(&self.pool).await?;
        let directory = Arc::new(StaticDirectory::new());
        let mut hosts = Vec::with_capacity(agents.len());
        for agent in agents {
            hosts.push(directory.add(Some(fleet::endpoint(*agent)?), &[]));
        }
        for part in hosts.chunks(5_000) {
            let ids: Vec<Uuid> = part.iter().map(HostId::as_uuid).collect();
            sqlx::query(INSERT_CHECKS).bind(ids).bind(url).execute(&self.pool).await?;
        }
        Ok(Fleet { hosts, directory })
    }

    /// Gives every check a healthy result, as after a first round: an update of a state costs more than its
    /// insertion.
    pub(crate) async fn seed_states(&self) -> Outcome<()> {
        sqlx::raw_sql(INSERT_STATES).execute(&self.pool).await?;
        Ok(())
    }

    /// Writes what is dirty to the disk, so that this work is not left to a measured stretch.
    pub(crate) async fn checkpoint(&self) -> Outcome<()> {
        sqlx::raw_sql("checkpoint").execute(&self.pool).await?;
        Ok(())
    }

    /// Schedules the hosts, each at this time.
    pub(crate) async fn schedule(
        &self,
        due: impl Iterator<Item = (HostId, DateTime<Utc>)>,
    ) -> Outcome<()> {
        sqlx::raw_sql("truncate health_schedule").execute(&self.pool).await?;
        let mut due = due.map(|(host, time)| (host.as_uuid(), time));
        loop {
            let (hosts, times): (Vec<Uuid>, Vec<_>) = due.by_ref().take(5_000).unzip();
            if hosts.is_empty() {
                break;
            }
            let insert = "insert into health_schedule (host_id, next_due) \
                          select * from unnest($1::uuid[], $2::timestamptz[])";
            sqlx::query(insert).bind(hosts).bind(times).execute(&self.pool).await?;
        }
        sqlx::raw_sql("vacuum analyze health_schedule, host_health_checks, health_states")
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Creates the manager's tables in a database of their own, with the same fleet. Returns a pool of the
    /// manager's size.
    pub(crate) async fn manager(
        &self,
        agents: &[SocketAddr],
        url: Option<&str>,
    ) -> Outcome<PgPool> {
        let database = self.server.url(&self.server.create_database()?);
        let options = PgPoolOptions::new().max_connections(20).min_connections(2);
        let pool = options.connect(&database).await?;
        let hosts = "create table hosts (id uuid primary key default gen_random_uuid(), \
                     ip_address inet not null, agent_port int not null)";
        sqlx::raw_sql(hosts).execute(&pool).await?;
        sqlx::raw_sql(MANAGER_CHECK_TABLES).execute(&pool).await?;
        let addresses: Vec<String> = agents.iter().map(|agent| agent.ip().to_string()).collect();
        let ports: Vec<i32> = agents.iter().map(|agent| i32::from(agent.port())).collect();
        let insert = "insert into hosts (ip_address, agent_port) \
                      select address::inet, port from unnest($1::text[], $2::int[]) as h (address, port)";
        sqlx::query(insert).bind(addresses).bind(ports).execute(&pool).await?;
        let ids: Vec<Uuid> = sqlx::query_scalar("select id from hosts").fetch_all(&pool).await?;
        sqlx::query(INSERT_CHECKS).bind(ids).bind(url).execute(&pool).await?;
        sqlx::raw_sql("analyze").execute(&pool).await?;
        Ok(pool)
    }
}

/// The hosts of the library's tables.
pub(crate) struct Fleet {
    pub(crate) hosts: Vec<HostId>,
    pub(crate) directory: Arc<StaticDirectory>,
}

impl Fleet {
    /// Returns every host with its next slot.
    pub(crate) fn slots(
        &self,
        interval: Duration,
    ) -> impl Iterator<Item = (HostId, DateTime<Utc>)> {
        let now = Utc::now();
        self.hosts.iter().map(move |host| (*host, next_slot(*host, interval, now)))
    }

    /// Returns every host as due now.
    pub(crate) fn at_once(&self) -> impl Iterator<Item = (HostId, DateTime<Utc>)> {
        self.all_at(Utc::now())
    }

    /// Returns every host as due at this time.
    pub(crate) fn all_at(
        &self,
        time: DateTime<Utc>,
    ) -> impl Iterator<Item = (HostId, DateTime<Utc>)> {
        self.hosts.iter().map(move |host| (*host, time))
    }
}

//! Days of results.

use std::time::Duration;

use chrono::TimeDelta;
use healthgate::{
    model::{HostId, ReasonCode},
    store::{
        PruneOutcome, ResultStore, StoreBase,
        postgres::{PgStore, pool_options},
    },
};

use crate::postgres::support::{database, make_check, pool, record, store};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// The newest result of a check is shown also when its day has been dropped.
#[tokio::test]
async fn a_dropped_day_leaves_the_newest_result() {
    let store = store().await;
    let host = HostId::generate();
    let check = make_check(&store, host, "sshd").await;
    let now = store.now().await.expect("the time");
    let old = now - TimeDelta::days(10);
    for second in 0..3 {
        record(&store, ReasonCode::Ok, old + TimeDelta::seconds(second)).await;
    }
    let parts = "select count(*) from pg_inherits \
                 where inhparent = 'host_health_check_results'::regclass";
    let count = || sqlx::query_scalar::<_, i64>(parts).fetch_one(store.pool());
    let before = count().await.expect("read");
    let pruned = store.prune_results(4 * DAY, 1, false).await.expect("pruned");
    assert_eq!(pruned, PruneOutcome::Done { deleted: 2 });
    assert!(count().await.expect("read") < before, "the day is gone as a whole");
    let page = store.history(host, check.id, None, 10).await.expect("read");
    let left: Vec<_> = page.results.iter().map(|result| result.checked_at).collect();
    assert_eq!(left, [old + TimeDelta::seconds(2)]);
    let older = store.history(host, check.id, Some(left[0]), 10).await.expect("read");
    assert_eq!((older.results.len(), older.next_before), (0, None));
    // A result of a day that this store has seen made and another has dropped.
    record(&store, ReasonCode::Ok, old + TimeDelta::seconds(9)).await;
    let page = store.history(host, check.id, None, 10).await.expect("read");
    assert_eq!(page.results.len(), 1, "the newer one alone: the day of the older is gone");
}

/// Pruning makes the partitions of the coming days, so that midnight needs nobody.
#[tokio::test]
async fn days_are_made_ahead() {
    let store = store().await;
    let drop = "do $$ declare part regclass; begin \
                for part in select inhrelid::regclass from pg_inherits \
                where inhparent = 'host_health_check_results'::regclass loop \
                execute format('drop table %s', part); end loop; end $$";
    sqlx::raw_sql(drop).execute(store.pool()).await.expect("dropped");
    store.prune_results(4 * DAY, 5_000, false).await.expect("pruned");
    let ahead: i64 = sqlx::query_scalar(
        "select count(*) from generate_series(0, 7) day where to_regclass( \
         'host_health_check_results_' || to_char((now() at time zone 'UTC')::date + day::int, 'YYYYMMDD')) \
         is not null",
    )
    .fetch_one(store.pool())
    .await
    .expect("read");
    assert_eq!(ahead, 8);
}

/// A partition that cannot be dropped is left, and the others go, a day with each step.
#[tokio::test]
async fn f223_a_partition_that_cannot_go_holds_up_no_other() {
    let store = store().await;
    let host = HostId::generate();
    make_check(&store, host, "sshd").await;
    let now = store.now().await.expect("the time");
    for day in [12, 11, 10] {
        record(&store, ReasonCode::Ok, now - TimeDelta::days(day)).await;
        record(&store, ReasonCode::Ok, now - TimeDelta::days(day) + TimeDelta::seconds(1)).await;
    }
    let oldest = (now - TimeDelta::days(12)).format("host_health_check_results_%Y%m%d");
    let view = format!("create view reported as select * from {oldest}");
    sqlx::query(sqlx::AssertSqlSafe(view)).execute(store.pool()).await.expect("made");
    let mut steps = Vec::new();
    loop {
        let step = store.prune_results(4 * DAY, 5_000, false).await.expect("pruned");
        steps.push(step);
        if !matches!(step, PruneOutcome::More { .. }) {
            break;
        }
    }
    let (two, one) = (PruneOutcome::More { deleted: 2 }, PruneOutcome::Done { deleted: 1 });
    assert_eq!(steps, [two, one], "a day with each step, and never the newest");
    let left = "select count(*) from host_health_check_results";
    let left: i64 = sqlx::query_scalar(left).fetch_one(store.pool()).await.expect("read");
    assert_eq!(left, 2, "what the view shows stays");
}

/// Whoever reads old results makes pruning wait for a moment, and nobody else wait behind it.
#[tokio::test]
async fn f225_pruning_gives_way_to_a_reader() {
    let store = store().await;
    let host = HostId::generate();
    make_check(&store, host, "sshd").await;
    let now = store.now().await.expect("the time");
    for second in 0..2 {
        record(&store, ReasonCode::Ok, now - TimeDelta::days(10) + TimeDelta::seconds(second))
            .await;
    }
    let mut reader = store.pool().begin().await.expect("begun");
    sqlx::query("select count(*) from host_health_check_results")
        .execute(&mut *reader)
        .await
        .expect("read");
    let waits = store.prune_results(4 * DAY, 5_000, false).await.expect("pruned");
    assert_eq!(waits, PruneOutcome::Done { deleted: 0 });
    let pending = "select count(*) from pg_inherits where inhdetachpending";
    let pending: i64 = sqlx::query_scalar(pending).fetch_one(store.pool()).await.expect("read");
    assert_eq!(pending, 1, "it is detached beside its readers");
    let again = store.prune_results(4 * DAY, 5_000, false).await.expect("pruned");
    assert_eq!(again, PruneOutcome::Done { deleted: 0 }, "the reader is still there");
    record(&store, ReasonCode::Ok, now).await;
    reader.rollback().await.expect("ended");
    let gone = store.prune_results(4 * DAY, 5_000, false).await.expect("pruned");
    assert_eq!(gone, PruneOutcome::Done { deleted: 2 });
}

/// Pruning that was cut between two of its steps is taken up again, and leaves alone what an administrator keeps.
#[tokio::test]
async fn f225_a_day_that_is_half_detached_is_dropped_by_the_next_round() {
    let store = store().await;
    let host = HostId::generate();
    make_check(&store, host, "sshd").await;
    let now = store.now().await.expect("the time");
    for day in [12, 11] {
        for second in 0..2 {
            let at = now - TimeDelta::days(day) + TimeDelta::seconds(second);
            record(&store, ReasonCode::Ok, at).await;
        }
    }
    record(&store, ReasonCode::Ok, now).await;
    let day = |days| (now - TimeDelta::days(days)).format("host_health_check_results_%Y%m%d");
    let (cut, kept) = (day(12).to_string(), day(11).to_string());
    let detached = format!(
        "comment on table {cut} is 'healthgate: these results are too old and are being dropped'; \
         alter table host_health_check_results detach partition {cut}; \
         alter table host_health_check_results detach partition {kept}"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(detached)).execute(store.pool()).await.expect("detached");
    let pruned = store.prune_results(4 * DAY, 5_000, false).await.expect("pruned");
    assert_eq!(pruned, PruneOutcome::Done { deleted: 2 });
    let exists = async |table: &str| -> bool {
        let query = "select to_regclass($1) is not null";
        sqlx::query_scalar(query).bind(table).fetch_one(store.pool()).await.expect("read")
    };
    assert_eq!((exists(&cut).await, exists(&kept).await), (false, true));
}

/// While pruning waits for a reader, whoever records results waits for no lock at all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f225_nobody_waits_behind_pruning() {
    let (server, database) = database();
    let owner = PgStore::new(pool(server, &database, 4).await);
    owner.migrate().await.expect("migrated");
    make_check(&owner, HostId::generate(), "sshd").await;
    let now = owner.now().await.expect("the time");
    for second in 0..2 {
        record(&owner, ReasonCode::Ok, now - TimeDelta::days(10) + TimeDelta::seconds(second))
            .await;
    }
    // It fails if it has to wait for any lock.
    let options: sqlx::postgres::PgConnectOptions = server.url(&database).parse().expect("a URL");
    let hasty = pool_options(2).connect_with(options.options([("lock_timeout", "20ms")]));
    let writer = PgStore::new(hasty.await.expect("connected"));
    let mut reader = owner.pool().begin().await.expect("begun");
    sqlx::query("select count(*) from host_health_check_results")
        .execute(&mut *reader)
        .await
        .expect("read");
    let prune = async {
        for _ in 0..4 {
            let waits = owner.prune_results(4 * DAY, 5_000, false).await.expect("pruned");
            assert_eq!(waits, PruneOutcome::Done { deleted: 0 });
        }
    };
    let write = async {
        for number in 0..40 {
            record(&writer, ReasonCode::Ok, now + TimeDelta::microseconds(number)).await;
        }
    };
    tokio::join!(prune, write);
}

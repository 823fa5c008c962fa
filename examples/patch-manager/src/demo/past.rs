//! Four days of invented history for the simulated fleet: hours of failures, single failures, and a night
//! without runs.

use chrono::Utc;

use crate::database::{Database, DatabaseError, SqlitePools};

/// One result every five minutes. The library only records results under a lease, and these are not results
/// of runs, so they are inserted directly into the demo's own file.
const PAST: &str = "
    with recursive steps (step) as (select 1 union all select step + 1 from steps where step < 1150)
    insert into host_health_check_results (check_number, checked_at, result_revision, reason, detail,
        latency_ms, source, observer_fault, endpoint)
    select number, $1 - step * 300000000 + number * 7919 % 240 * 1000000, revision,
        case when not failing then 'ok'
            when check_type = 'service' then 'service_unhealthy' else 'timeout_head' end,
        case when not failing and check_type = 'service' then 'active/running, enabled'
            when not failing then 'HTTP 200, the expected text was found'
            when check_type = 'service' then 'failed/failed, enabled' else 'no answer within 10 s' end,
        case when failing and check_type = 'http' then 10000
            else 2 + (step * 31 + number * 17) % 7 + step % 288 / 36 * (check_type = 'http') end,
        'poll', 0, null
    from (select number, revision, check_type, step,
            (number % 5 = 2 and step between 205 and 231)
                or (number % 3 = 0 and step between 702 and 708)
                or (step * 7919 + number * 104729) % 433 = 0 as failing
        from host_health_checks, steps where step not between 560 and 618)
    where true
    on conflict do nothing";

/// Gives every check its four days.
///
/// # Errors
/// Fails if the database fails.
pub(super) async fn remember(database: &Database) -> Result<(), DatabaseError> {
    if let Database::Sqlite(SqlitePools { writer, .. }) = database {
        sqlx::query(PAST).bind(Utc::now().timestamp_micros()).execute(writer).await?;
    }
    Ok(())
}

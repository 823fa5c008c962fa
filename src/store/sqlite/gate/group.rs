//! `GroupStore` over SQLite.

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use futures_util::FutureExt;
use sqlx::{Connection, FromRow, SqliteConnection};
use uuid::Uuid;

use crate::{
    clock::delta,
    model::{AvailabilityGroup, GroupStatus, HostChange, HostId, StoreTime},
    store::{
        GroupStore, StoreError,
        sql::host_count,
        sqlite::{
            SqliteStore,
            error::OperationError,
            record::{hosts_list, micros},
            write::{Write, read_time},
        },
    },
};

#[async_trait]
impl GroupStore for SqliteStore {
    async fn put_groups(&self, groups: Vec<AvailabilityGroup>) -> Result<(), StoreError> {
        self.write(move |write| write.put_groups(groups).boxed()).await
    }

    async fn groups_of(&self, hosts: &[HostId]) -> Result<Vec<GroupStatus>, StoreError> {
        let hosts = hosts_list(hosts);
        let clock = Arc::clone(&self.inner.clock);
        self.read(move |connection| {
            async move {
                // One transaction, so that all reads see the same state of the file.
                let mut transaction = connection.begin().await?;
                let now = read_time(&mut transaction, clock.as_ref()).await?;
                let statuses = statuses(&mut transaction, &hosts, now).await?;
                transaction.commit().await?;
                Ok(statuses)
            }
            .boxed()
        })
        .await
    }
}

#[derive(FromRow, Debug)]
struct GroupRow {
    name: String,
    max_unavailable: i64,
    stale_after_us: i64,
    host_id: Uuid,
}

/// Returns the status at `now` of each group that any of these hosts belongs to, ordered by name.
async fn statuses(
    connection: &mut SqliteConnection,
    hosts: &str,
    now: StoreTime,
) -> Result<Vec<GroupStatus>, OperationError> {
    let rows: Vec<GroupRow> = sqlx::query_as(
        "select g.*, m.host_id from json_each(?) wanted \
         join health_group_members m on m.host_id = unhex(wanted.value) \
         join health_groups g on g.name = m.group_name order by g.name",
    )
    .bind(hosts)
    .fetch_all(&mut *connection)
    .await?;
    let mut statuses: Vec<GroupStatus> = Vec::new();
    for row in rows {
        let member = HostId::from_uuid(row.host_id);
        match statuses.last_mut() {
            Some(last) if last.name == row.name => drop(last.members.insert(member)),
            _ => {
                let unavailable = unavailable(connection, &row, now).await?;
                let passed = passed(connection, &row.name).await?;
                statuses.push(GroupStatus {
                    name: row.name,
                    max_unavailable: host_count(row.max_unavailable),
                    members: BTreeSet::from([member]),
                    unavailable,
                    passed,
                });
            }
        }
    }
    Ok(statuses)
}

/// Returns the unavailable members, by the rules of [`is_unavailable`](crate::model::is_unavailable).
async fn unavailable(
    connection: &mut SqliteConnection,
    group: &GroupRow,
    now: StoreTime,
) -> Result<BTreeSet<HostId>, OperationError> {
    let hosts: Vec<Uuid> = sqlx::query_scalar(
        "select m.host_id from health_group_members m \
         left join health_changes n on n.number = \
             (select max(number) from health_changes where host_id = m.host_id) \
         where m.group_name = ?1 and (n.outcome is null and (n.verify_at is not null \
                 or n.state = 'running' and n.started_at + ?2 > ?3) \
             or exists (select 1 from host_health_checks c \
                 left join health_states s on s.check_number = c.number \
                 where c.host_id = m.host_id and c.enabled and not coalesce( \
                     s.status = 'healthy' and s.result_revision = c.revision and s.result_epoch = ?4 \
                     and s.checked_at between ?3 - ?5 and ?3 and (n.number is null \
                         or s.checked_at >= min(coalesce(n.ended_at, n.started_at + ?2), ?3)), \
                     false)))",
    )
    .bind(&group.name)
    .bind(HostChange::LONGEST.num_microseconds().unwrap_or(i64::MAX))
    .bind(micros(now.at))
    .bind(now.epoch.number())
    .bind(group.stale_after_us)
    .fetch_all(connection)
    .await?;
    Ok(hosts.into_iter().map(HostId::from_uuid).collect())
}

/// Returns the members with a granted and unspent pass.
async fn passed(
    connection: &mut SqliteConnection,
    group: &str,
) -> Result<BTreeSet<HostId>, OperationError> {
    let hosts: Vec<Uuid> = sqlx::query_scalar(
        "select m.host_id from health_group_members m where m.group_name = ? and exists \
         (select 1 from health_gates g where g.host_id = m.host_id and g.state = 'passed')",
    )
    .bind(group)
    .fetch_all(connection)
    .await?;
    Ok(hosts.into_iter().map(HostId::from_uuid).collect())
}

impl Write<'_> {
    /// Returns the current status of a host's groups.
    pub(super) async fn groups_of(
        &mut self,
        host: HostId,
    ) -> Result<Vec<GroupStatus>, OperationError> {
        let now = self.time().await?;
        statuses(self.connection, &hosts_list(&[host]), now).await
    }

    async fn put_groups(&mut self, groups: Vec<AvailabilityGroup>) -> Result<(), OperationError> {
        sqlx::raw_sql("delete from health_group_members; delete from health_groups")
            .execute(&mut *self.connection)
            .await?;
        for group in groups {
            let stale_after = delta(group.stale_after).num_microseconds().unwrap_or(i64::MAX / 2);
            sqlx::query(
                "insert into health_groups (name, max_unavailable, stale_after_us) values (?, ?, ?)",
            )
            .bind(&group.name)
            .bind(i64::from(group.max_unavailable))
            .bind(stale_after)
            .execute(&mut *self.connection)
            .await?;
            let members: Vec<HostId> = group.members.into_iter().collect();
            sqlx::query(
                "insert into health_group_members (group_name, host_id) \
                 select ?, unhex(value) from json_each(?)",
            )
            .bind(&group.name)
            .bind(hosts_list(&members))
            .execute(&mut *self.connection)
            .await?;
        }
        Ok(())
    }
}

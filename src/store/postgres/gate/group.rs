//! `GroupStore` over Postgres.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::FutureExt;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use crate::{
    model::{AvailabilityGroup, GroupStatus, HostId},
    store::{
        GroupStore, StoreError,
        postgres::{
            PgStore, error::OperationError, row::host_ids, settings::microseconds, write::Write,
        },
        sql::host_count,
    },
};

#[async_trait]
impl GroupStore for PgStore {
    async fn put_groups(&self, groups: Vec<AvailabilityGroup>) -> Result<(), StoreError> {
        let groups = Arc::new(GroupArrays::of(groups));
        self.write(move |write| {
            let groups = Arc::clone(&groups);
            async move { write.put_groups(&groups).await }.boxed()
        })
        .await
    }

    async fn groups_of(&self, hosts: &[HostId]) -> Result<Vec<GroupStatus>, StoreError> {
        let hosts = host_ids(hosts);
        self.read(move |connection| statuses(connection, hosts.clone()).boxed()).await
    }
}

/// Groups and their members as columns, ordered by name.
#[derive(Default, Debug)]
struct GroupArrays {
    names: Vec<String>,
    most: Vec<i32>,
    stale_after: Vec<i64>,
    /// The group's name for each member.
    groups: Vec<String>,
    members: Vec<Uuid>,
}

impl GroupArrays {
    fn of(mut groups: Vec<AvailabilityGroup>) -> Self {
        groups.sort_by(|one, other| one.name.cmp(&other.name));
        let mut arrays = Self::default();
        for group in groups {
            arrays.groups.extend(group.members.iter().map(|_| group.name.clone()));
            arrays.members.extend(group.members.iter().map(HostId::as_uuid));
            arrays.names.push(group.name);
            arrays.most.push(i32::try_from(group.max_unavailable).unwrap_or(i32::MAX));
            arrays.stale_after.push(microseconds(group.stale_after));
        }
        arrays
    }
}

#[derive(FromRow, Debug)]
struct GroupRow {
    name: String,
    max_unavailable: i32,
    members: Vec<Uuid>,
    unavailable: Vec<Uuid>,
    passed: Vec<Uuid>,
}

impl GroupRow {
    fn into_status(self) -> GroupStatus {
        let ids = |ids: Vec<Uuid>| ids.into_iter().map(HostId::from_uuid).collect();
        GroupStatus {
            name: self.name,
            max_unavailable: host_count(i64::from(self.max_unavailable)),
            members: ids(self.members),
            unavailable: ids(self.unavailable),
            passed: ids(self.passed),
        }
    }
}

async fn statuses(
    connection: &mut PgConnection,
    hosts: Vec<Uuid>,
) -> Result<Vec<GroupStatus>, OperationError> {
    let rows: Vec<GroupRow> = sqlx::query_as(
        "select g.name, g.max_unavailable, asked.members, \
         array(select health_group_unavailable(g.name, clock_timestamp())) as unavailable, \
         array(select distinct o.host_id from health_group_members m \
               join health_gates o on o.host_id = m.host_id \
               where m.group_name = g.name and o.state = 'passed') as passed \
         from (select group_name, array_agg(host_id) as members from health_group_members \
               where host_id = any($1) group by group_name) asked \
         join health_groups g on g.name = asked.group_name order by g.name",
    )
    .bind(hosts)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(GroupRow::into_status).collect())
}

impl Write<'_> {
    async fn put_groups(&mut self, groups: &GroupArrays) -> Result<(), OperationError> {
        // Spendings lock groups in the same order.
        sqlx::query("select from health_groups order by name for update")
            .execute(&mut *self.connection)
            .await?;
        sqlx::query("delete from health_groups where name <> all($1)")
            .bind(&groups.names)
            .execute(&mut *self.connection)
            .await?;
        // Updates existing rows in place, so that a spending that waits for one finds it.
        sqlx::query(
            "insert into health_groups (name, max_unavailable, stale_after_us) \
             select * from unnest($1::text[], $2::int[], $3::bigint[]) \
             on conflict (name) do update set max_unavailable = excluded.max_unavailable, \
             stale_after_us = excluded.stale_after_us",
        )
        .bind(&groups.names)
        .bind(&groups.most)
        .bind(&groups.stale_after)
        .execute(&mut *self.connection)
        .await?;
        sqlx::query(
            "with wanted as (select * from unnest($1::text[], $2::uuid[]) as one (group_name, host_id)), \
             gone as (delete from health_group_members m where not exists \
                      (select from wanted w where w.group_name = m.group_name and w.host_id = m.host_id)) \
             insert into health_group_members (group_name, host_id) select * from wanted \
             on conflict do nothing",
        )
        .bind(&groups.groups)
        .bind(&groups.members)
        .execute(&mut *self.connection)
        .await?;
        Ok(())
    }
}

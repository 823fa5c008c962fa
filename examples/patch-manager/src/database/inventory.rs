//! Stores the configuration's groups, users and hosts in the database.

use chrono::Utc;

use super::{Database, DatabaseError, access::role_name, in_transaction, micros};
use crate::config::Inventory;

/// Stores groups, users and hosts by name and id, in one transaction. Groups and hosts that are no longer
/// configured stay unchanged. Users that are no longer configured are locked.
///
/// # Errors
/// Fails if the database fails. Nothing has changed then.
pub(crate) async fn lay_in(
    database: &Database,
    mut inventory: Inventory,
) -> Result<(), DatabaseError> {
    let now = micros(Utc::now());
    // Sorted in the order in which writes lock hosts, so that writers do not deadlock.
    inventory.hosts.sort_by_key(|host| host.id);
    in_transaction!(database, connection => {
        for group in &inventory.groups {
            const GROUP: &str = "INSERT INTO groups (name) VALUES ($1) ON CONFLICT DO NOTHING";
            sqlx::query(GROUP).bind(&group.name).execute(&mut *connection).await?;
        }
        const LOCK: &str = "UPDATE users SET locked_at = $1 WHERE locked_at IS NULL";
        sqlx::query(LOCK).bind(now).execute(&mut *connection).await?;
        for user in &inventory.users {
            const USER: &str = "INSERT INTO users (name, role, created_at) VALUES ($1, $2, $3) \
                ON CONFLICT (name) DO UPDATE SET role = excluded.role, locked_at = NULL";
            sqlx::query(USER)
                .bind(&user.name)
                .bind(role_name(user.role))
                .bind(now)
                .execute(&mut *connection)
                .await?;
            const LEAVE: &str = "DELETE FROM user_groups WHERE user_name = $1";
            sqlx::query(LEAVE).bind(&user.name).execute(&mut *connection).await?;
            for group in &user.groups {
                const JOIN: &str = "INSERT INTO user_groups (user_name, group_name) \
                    VALUES ($1, $2) ON CONFLICT DO NOTHING";
                sqlx::query(JOIN).bind(&user.name).bind(group).execute(&mut *connection).await?;
            }
            // The file's token is one of the user's tokens. Earlier tokens from the file no longer count.
            const FORGET: &str = "DELETE FROM tokens WHERE user_name = $1 AND source = 'file'";
            sqlx::query(FORGET).bind(&user.name).execute(&mut *connection).await?;
            if let Some(hash) = &user.token_sha256 {
                const TOKEN: &str = "INSERT INTO tokens (token_sha256, user_name, source, created_at) \
                    VALUES ($1, $2, 'file', $3) \
                    ON CONFLICT (token_sha256) DO UPDATE SET user_name = excluded.user_name";
                sqlx::query(TOKEN)
                    .bind(hash)
                    .bind(&user.name)
                    .bind(now)
                    .execute(&mut *connection)
                    .await?;
            }
        }
        for host in &inventory.hosts {
            const HOST: &str = "INSERT INTO hosts \
                (id, name, address, agent_port, agent_identity, created_at) \
                VALUES ($1, $2, $3, $4, $5, $6) \
                ON CONFLICT (id) DO UPDATE SET name = excluded.name, address = excluded.address, \
                agent_port = excluded.agent_port, agent_identity = excluded.agent_identity";
            sqlx::query(HOST)
                .bind(host.id.as_uuid())
                .bind(&host.name)
                .bind(host.agent.address())
                .bind(i64::from(host.agent.port()))
                .bind(host.agent.identity())
                .bind(now)
                .execute(&mut *connection)
                .await?;
            const LEAVE: &str = "DELETE FROM host_groups WHERE host_id = $1";
            sqlx::query(LEAVE).bind(host.id.as_uuid()).execute(&mut *connection).await?;
            for group in &host.groups {
                const JOIN: &str = "INSERT INTO host_groups (host_id, group_name) \
                    VALUES ($1, $2) ON CONFLICT DO NOTHING";
                sqlx::query(JOIN)
                    .bind(host.id.as_uuid())
                    .bind(group)
                    .execute(&mut *connection)
                    .await?;
            }
        }
    })
}

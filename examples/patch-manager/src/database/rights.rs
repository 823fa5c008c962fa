//! Rights that are asked for again in the transaction of a write (F257): between the first asking and
//! the write a user can be locked or demoted, and a host or its user can leave a group.

use healthgate::model::{Actor, HostId, Role};
use sqlx::{PgConnection, SqliteConnection};

/// What a write rests on.
#[derive(Clone, Debug)]
pub(crate) struct Right {
    pub(crate) user: String,
    /// The role that the write was allowed to.
    pub(crate) role: Role,
    /// The hosts that its actor must share a group with, unless they see all.
    pub(crate) hosts: Vec<HostId>,
}

impl Right {
    /// The right of an actor to write what concerns these hosts.
    pub(crate) fn of(actor: &Actor, hosts: impl IntoIterator<Item = HostId>) -> Self {
        let mut hosts: Vec<HostId> = hosts.into_iter().collect();
        // Locks are taken in one order, so that two writes cannot wait for each other.
        hosts.sort_unstable();
        hosts.dedup();
        Self { user: actor.name.clone(), role: actor.role, hosts }
    }

    /// Whether somebody of this role, as it is now, still has the right; `None` if it depends on the
    /// hosts.
    pub(crate) fn by_role(&self, now: Option<Role>) -> Option<bool> {
        match (self.role, now) {
            // The application itself is no user.
            (Role::System, _) | (_, Some(Role::Admin)) => Some(true),
            (Role::Operator, Some(Role::Operator)) => None,
            _ => Some(false),
        }
    }
}

/// How a connection keeps what it has read from being changed until its transaction ends.
pub(crate) trait Locking {
    /// The end of a query of what is only read.
    const READ: &'static str;
    /// The end of a query of what the transaction may change.
    const WRITTEN: &'static str;
}

impl Locking for SqliteConnection {
    // A transaction that writes is alone with the file.
    const READ: &'static str = "";
    const WRITTEN: &'static str = "";
}

impl Locking for PgConnection {
    const READ: &'static str = " FOR SHARE";
    // Under shared locks two transactions that change the row later would wait for each other.
    const WRITTEN: &'static str = " FOR NO KEY UPDATE";
}

/// The ends of queries on this connection: of what is read, and of what is written.
pub(crate) fn locks<C: Locking>(_: &C) -> (&'static str, &'static str) {
    (C::READ, C::WRITTEN)
}

/// Whether a [`Right`] still holds. Users and hosts stay as they are until the transaction ends.
macro_rules! still_holds {
    ($connection:expr, $right:expr) => {
        async {
            let right: &$crate::database::Right = $right;
            let (read, written) = $crate::database::locks(&*$connection);
            let mut query = sqlx::QueryBuilder::new(
                "SELECT role FROM users WHERE locked_at IS NULL AND name = ",
            );
            query.push_bind(&right.user).push(read);
            let role: Option<String> =
                query.build_query_scalar().fetch_optional(&mut *$connection).await?;
            let role = role.and_then(|role| $crate::database::role(&role).ok());
            if let Some(holds) = right.by_role(role) {
                return Ok::<bool, sqlx::Error>(holds);
            }
            for hosts in right.hosts.chunks($crate::database::IDS_AT_ONCE) {
                let mut query = sqlx::QueryBuilder::new("SELECT id FROM hosts WHERE id IN (");
                let mut list = query.separated(", ");
                for host in hosts {
                    list.push_bind(host.as_uuid());
                }
                query.push(") ORDER BY id").push(written);
                query.build().fetch_all(&mut *$connection).await?;
                let mut query = sqlx::QueryBuilder::new(
                    "SELECT COUNT(DISTINCT h.host_id) FROM host_groups h \
                     JOIN user_groups u ON u.group_name = h.group_name WHERE u.user_name = ",
                );
                query.push_bind(&right.user).push(" AND h.host_id IN (");
                let mut list = query.separated(", ");
                for host in hosts {
                    list.push_bind(host.as_uuid());
                }
                query.push(")");
                let shared: i64 = query.build_query_scalar().fetch_one(&mut *$connection).await?;
                if usize::try_from(shared).ok() != Some(hosts.len()) {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        .await
    };
}

pub(crate) use still_holds;

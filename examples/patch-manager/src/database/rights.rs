//! Rights that a write's transaction checks again (F257). Between the first check and the write, a user can
//! be locked or demoted, and a host or its user can leave a group.

use healthgate::model::{Actor, HostId, Role};
use sqlx::{PgConnection, SqliteConnection};

/// The right that a write depends on.
#[derive(Clone, Debug)]
pub(crate) struct Right {
    pub(crate) user: String,
    /// The role that allowed the write.
    pub(crate) role: Role,
    /// The hosts that the actor must share a group with, unless they see all hosts.
    pub(crate) hosts: Vec<HostId>,
}

impl Right {
    /// Creates the right of an actor to write data of these hosts.
    pub(crate) fn of(actor: &Actor, hosts: impl IntoIterator<Item = HostId>) -> Self {
        let mut hosts: Vec<HostId> = hosts.into_iter().collect();
        // Locks are taken in a fixed order, so that two writes do not deadlock.
        hosts.sort_unstable();
        hosts.dedup();
        Self { user: actor.name.clone(), role: actor.role, hosts }
    }

    /// Returns whether a user whose role is now this one still has the right, or `None` if it depends on
    /// the hosts.
    pub(crate) fn by_role(&self, now: Option<Role>) -> Option<bool> {
        match (self.role, now) {
            // The application itself is not a user.
            (Role::System, _) | (_, Some(Role::Admin)) => Some(true),
            (Role::Operator, Some(Role::Operator)) => None,
            _ => Some(false),
        }
    }
}

/// How a connection locks rows until its transaction ends.
pub(crate) trait Locking {
    /// The suffix of a query for rows that are only read.
    const READ: &'static str;
    /// The suffix of a query for rows that the transaction may change.
    const WRITTEN: &'static str;
}

impl Locking for SqliteConnection {
    // A writing transaction has the file to itself.
    const READ: &'static str = "";
    const WRITTEN: &'static str = "";
}

impl Locking for PgConnection {
    const READ: &'static str = " FOR SHARE";
    // With shared locks, two transactions that later change the row would deadlock.
    const WRITTEN: &'static str = " FOR NO KEY UPDATE";
}

/// Returns the query suffixes of this connection: for reading, and for writing.
pub(crate) fn locks<C: Locking>(_: &C) -> (&'static str, &'static str) {
    (C::READ, C::WRITTEN)
}

/// Checks whether a [`Right`] still holds. Users and hosts stay unchanged until the transaction ends.
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

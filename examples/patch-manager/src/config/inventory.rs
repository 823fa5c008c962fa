//! The groups, users and hosts of a configuration.

use std::collections::HashSet;

use healthgate::model::{AgentEndpoint, HostId, Role};

use super::{
    error::Problem,
    file::{HostEntry, UserEntry},
    groups::ConfiguredGroup,
};

/// Groups, users and hosts from the file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inventory {
    pub(crate) groups: Vec<ConfiguredGroup>,
    pub(crate) users: Vec<ConfiguredUser>,
    pub(crate) hosts: Vec<ConfiguredHost>,
}

/// A user from the file.
#[derive(Clone, Debug)]
pub(crate) struct ConfiguredUser {
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) groups: Vec<String>,
    /// The SHA-256 of the bearer token, in lower-case hexadecimal.
    pub(crate) token_sha256: Option<String>,
}

/// A host from the file.
#[derive(Clone, Debug)]
pub(crate) struct ConfiguredHost {
    pub(crate) id: HostId,
    pub(crate) name: String,
    pub(crate) agent: AgentEndpoint,
    pub(crate) groups: Vec<String>,
}

/// Validates the inventory of the file.
pub(super) fn inventory(
    groups: Vec<ConfiguredGroup>,
    users: Vec<UserEntry>,
    hosts: Vec<HostEntry>,
) -> Result<Inventory, Problem> {
    let known: HashSet<&String> = groups.iter().map(|group| &group.name).collect();
    let group_known = |what, name: &str, groups: &[String]| match groups
        .iter()
        .find(|group| !known.contains(*group))
    {
        Some(group) => {
            Err(Problem::GroupUnknown { what, name: name.to_owned(), group: group.clone() })
        }
        None => Ok(()),
    };
    let (mut names, mut tokens) = (HashSet::new(), HashSet::new());
    let mut configured_users = Vec::new();
    for user in users {
        group_known("user", &user.name, &user.groups)?;
        if user.name.trim().is_empty() {
            return Err(Problem::Empty { what: "user" });
        }
        if !names.insert(user.name.clone()) {
            return Err(Problem::Duplicate { what: "user", name: user.name });
        }
        let Ok(token_sha256) = token_hash(&user.token_sha256) else {
            return Err(Problem::TokenHash { user: user.name });
        };
        if token_sha256.as_ref().is_some_and(|hash| !tokens.insert(hash.clone())) {
            return Err(Problem::TokenShared { user: user.name });
        }
        let role = user.role.into();
        configured_users.push(ConfiguredUser {
            name: user.name,
            role,
            groups: user.groups,
            token_sha256,
        });
    }
    let (mut ids, mut names) = (HashSet::new(), HashSet::new());
    let mut configured_hosts = Vec::new();
    for host in hosts {
        group_known("host", &host.name, &host.groups)?;
        if host.name.trim().is_empty() || host.name.chars().any(char::is_control) {
            return Err(Problem::Empty { what: "host" });
        }
        let id = HostId::from_uuid(host.id);
        if !ids.insert(id) {
            return Err(Problem::Duplicate { what: "host id", name: id.to_string() });
        }
        if !names.insert(host.name.clone()) {
            return Err(Problem::Duplicate { what: "host", name: host.name });
        }
        let agent = AgentEndpoint::new(host.address, host.agent_port, host.agent_identity)
            .map_err(|source| Problem::Host { name: host.name.clone(), source })?;
        configured_hosts.push(ConfiguredHost { id, name: host.name, agent, groups: host.groups });
    }
    Ok(Inventory { groups, users: configured_users, hosts: configured_hosts })
}

/// Returns the hash of a bearer token in lower case, or `None` if there is none.
///
/// # Errors
/// Fails if the text is not 64 hexadecimal digits.
pub(super) fn token_hash(text: &str) -> Result<Option<String>, ()> {
    match text.to_ascii_lowercase() {
        empty if empty.is_empty() => Ok(None),
        hash if hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            Ok(Some(hash))
        }
        _ => Err(()),
    }
}

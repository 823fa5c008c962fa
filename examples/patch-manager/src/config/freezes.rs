//! The freezes of a configuration.

use std::{collections::HashSet, sync::Arc};

use chrono::{DateTime, Utc};
use healthgate::gate::Freeze;

use super::{error::Problem, file::FreezeEntry};

/// A freeze from the file.
#[derive(Clone, Debug)]
pub(crate) struct ConfiguredFreeze {
    pub(crate) freeze: Arc<Freeze>,
    /// The groups whose hosts it holds back. Empty for all hosts.
    pub(crate) groups: Vec<String>,
    pub(crate) starts_at: DateTime<Utc>,
    pub(crate) ends_at: DateTime<Utc>,
}

/// The maximum length of a name. It is part of a condition's name, which would be truncated.
const NAME: usize = 60;

/// Validates the freezes of the file.
pub(super) fn freezes(
    entries: Vec<FreezeEntry>,
    groups: &[String],
) -> Result<Vec<ConfiguredFreeze>, Problem> {
    let mut names = HashSet::new();
    let mut freezes = Vec::with_capacity(entries.len());
    for FreezeEntry { name, groups: own, starts_at, ends_at, holds_exempt } in entries {
        if name.trim().is_empty() || name.chars().any(char::is_control) {
            return Err(Problem::Empty { what: "freeze" });
        }
        if name.chars().count() > NAME {
            return Err(Problem::FreezeName { name, most: NAME });
        }
        if !names.insert(name.clone()) {
            return Err(Problem::Duplicate { what: "freeze", name });
        }
        if let Some(group) = own.iter().find(|group| !groups.contains(group)) {
            return Err(Problem::FreezeGroup { name, group: group.clone() });
        }
        let instant = |key, text: &str| {
            let parsed = DateTime::parse_from_rfc3339(text).map(|instant| instant.to_utc());
            parsed.map_err(|_| Problem::Instant { name: name.clone(), key, text: text.to_owned() })
        };
        let starts_at = instant("starts_at", &starts_at.0)?;
        let ends_at = instant("ends_at", &ends_at.0)?;
        let freeze = Freeze::between(name.clone(), starts_at, ends_at)
            .map_err(|source| Problem::Freeze { name, source })?;
        let freeze = if holds_exempt { freeze.with_exempt_held() } else { freeze };
        let freeze = Arc::new(freeze);
        freezes.push(ConfiguredFreeze { freeze, groups: own, starts_at, ends_at });
    }
    Ok(freezes)
}

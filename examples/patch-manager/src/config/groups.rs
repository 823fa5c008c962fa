//! The groups of a configuration.

use std::collections::HashSet;

use healthgate::model::AvailabilityGroup;

use super::{error::Problem, file::GroupEntry};

/// A group from the file.
#[derive(Clone, Debug)]
pub(crate) struct ConfiguredGroup {
    pub(crate) name: String,
    /// The maximum number of members that may be down or under change, over all jobs. `None` means any
    /// number.
    pub(crate) max_unavailable: Option<u32>,
}

impl ConfiguredGroup {
    /// Creates a group without a limit.
    #[cfg(feature = "demo")]
    pub(crate) fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), max_unavailable: None }
    }
}

/// Validates the groups of the file.
pub(super) fn groups(entries: Vec<GroupEntry>) -> Result<Vec<ConfiguredGroup>, Problem> {
    let mut names = HashSet::new();
    let mut groups = Vec::with_capacity(entries.len());
    for GroupEntry { name, max_unavailable } in entries {
        if name.trim().is_empty() || name.chars().any(char::is_control) {
            return Err(Problem::Empty { what: "group" });
        }
        if name.chars().count() > AvailabilityGroup::LONGEST_NAME {
            return Err(Problem::GroupName { name, most: AvailabilityGroup::LONGEST_NAME });
        }
        if !names.insert(name.clone()) {
            return Err(Problem::Duplicate { what: "group", name });
        }
        if max_unavailable == Some(0) {
            return Err(Problem::TooSmall { key: "groups.max_unavailable", least: 1 });
        }
        groups.push(ConfiguredGroup { name, max_unavailable });
    }
    Ok(groups)
}

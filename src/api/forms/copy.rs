//! Copying checks to other hosts.

use serde::Serialize;
use utoipa::ToSchema;

use crate::model::{CheckId, HostId};

/// Which checks of a host to copy, and where to.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = CopyHealthChecksRequest)]
#[serde(deny_unknown_fields)]
pub struct CopyRequestForm {
    /// Checks of the host.
    #[schema(min_items = 1, max_items = 20)]
    pub check_ids: Vec<CheckId>,
    /// The hosts that get copies.
    #[schema(min_items = 1, max_items = 200)]
    pub host_ids: Vec<HostId>,
}

/// What became of one check on one host.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = CopyOutcome)]
#[serde(rename_all = "snake_case")]
pub enum CopyOutcome {
    /// The host has a copy now.
    Created,
    /// The host had a check of the same definition, and keeps it.
    Present,
    /// There is no copy: `code` and `detail` say why.
    Refused,
}

/// One check on one host.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = CopyResult)]
pub struct CopyResultForm {
    /// The host that was to get the copy.
    pub host_id: HostId,
    /// The check that was copied.
    pub check_id: CheckId,
    /// What became of it.
    pub outcome: CopyOutcome,
    /// The check that the host has now, or had.
    #[schema(required)]
    pub copy_id: Option<CheckId>,
    /// Why there is none: the code of a problem, such as `limit_reached`.
    #[schema(required)]
    pub code: Option<String>,
    /// The same in a sentence for people.
    #[schema(required)]
    pub detail: Option<String>,
}

/// What became of each check on each host.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = CopyResultList)]
pub struct CopyResultList {
    /// Host by host, in the order that was asked for.
    pub results: Vec<CopyResultForm>,
}

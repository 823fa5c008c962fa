//! The predicted outcome of a gate.

use serde::{Deserialize, Serialize};

use super::gate::PassKind;

/// What a gate would do now.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Outlook {
    /// It would let the job go ahead.
    Proceed,
    /// It would wait for its window, for a check to run or to recover, or for a condition.
    Wait,
    /// It would end without a pass.
    Fail,
}

/// What a gate that does not block would have done if it did (G34).
///
/// Made from what was known when it passed; nothing is run for it. So a check without a fresh result
/// makes it [`Outlook::Wait`], where a blocking gate would have run that check first.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct WouldHave {
    /// What it would have done.
    pub decision: Outlook,
    /// On what ground, where it would have let the job go ahead.
    #[cfg_attr(feature = "api", schema(required))]
    pub kind: Option<PassKind>,
}

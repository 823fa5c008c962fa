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

/// What a non-blocking gate would have done if it had blocked (G34).
///
/// It is derived from the evidence at the pass, without running checks. So a check without a fresh result
/// gives [`Outlook::Wait`], although a blocking gate would have run that check first.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct WouldHave {
    /// The decision.
    pub decision: Outlook,
    /// The kind of the pass, if it would have let the job go ahead.
    #[cfg_attr(feature = "api", schema(required))]
    pub kind: Option<PassKind>,
}

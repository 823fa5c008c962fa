//! The switch of the planted bugs. `scripts/planted-bugs` adds this module to its copy of the library.

use std::sync::OnceLock;

/// Returns whether `HEALTHGATE_PLANTED` names this bug.
#[must_use]
pub fn bug(name: &str) -> bool {
    static PLANTED: OnceLock<Option<String>> = OnceLock::new();
    PLANTED.get_or_init(|| std::env::var("HEALTHGATE_PLANTED").ok()).as_deref() == Some(name)
}

//! The stand-in for `connections` without the feature `http`: the library then has no check runner.

use std::sync::Arc;

use async_trait::async_trait;

use super::builder::BuildError;
use crate::{
    ConfigError,
    checks::{CheckOutcome, HostRun, HostRunner},
    crypto::{InstallId, Sealer},
};

/// The absence of any transport.
#[derive(Debug, Default)]
pub(super) struct Connections {}

impl Connections {
    #[allow(clippy::needless_pass_by_value, clippy::unused_self)] // The same signature as with `http`.
    pub(super) fn runner(
        self,
        _sealer: Arc<dyn Sealer>,
        _install: InstallId,
        polls: bool,
    ) -> Result<Arc<dyn HostRunner>, BuildError> {
        ConfigError::first_broken([("runner", !polls, "given, or the feature `http` enabled")])?;
        Ok(Arc::new(NoRunner))
    }
}

/// A runner that runs nothing, for a process whose gates ask a source of the application.
#[derive(Debug)]
struct NoRunner;

#[async_trait]
impl HostRunner for NoRunner {
    async fn run_host(&self, _: HostRun) -> Vec<CheckOutcome> {
        Vec::new()
    }
}

//! Mocks of the traits that mockall cannot mock by itself: their methods take slices of references.

// The macro writes methods without documentation.
#![allow(missing_docs)]

use std::time::Duration;

use async_trait::async_trait;
use mockall::mock;

use crate::{
    gate::{HealthSource, HostHealth, LiveRun, SourceError, WindowSource, decide::WindowAnswer},
    model::{CheckResult, GateRecord},
};

mock! {
    /// A [`HealthSource`] whose calls are expected one by one. `expect_health` gets copies of the gates.
    #[derive(Debug)]
    pub HealthSource {
        pub fn health(&self, gates: Vec<GateRecord>) -> Result<Vec<HostHealth>, SourceError>;
        pub fn run(&self, run: LiveRun) -> Vec<CheckResult>;
        pub fn check_timeout(&self) -> Option<Duration>;
    }
}

#[async_trait]
impl HealthSource for MockHealthSource {
    async fn health(&self, gates: &[&GateRecord]) -> Result<Vec<HostHealth>, SourceError> {
        Self::health(self, gates.iter().copied().cloned().collect())
    }

    async fn run(&self, run: LiveRun) -> Vec<CheckResult> {
        Self::run(self, run)
    }

    fn check_timeout(&self) -> Option<Duration> {
        Self::check_timeout(self)
    }
}

mock! {
    /// A [`WindowSource`] whose calls are expected one by one. `expect_windows` gets copies of the gates.
    #[derive(Debug)]
    pub WindowSource {
        pub fn windows(&self, gates: Vec<GateRecord>) -> Result<Vec<WindowAnswer>, SourceError>;
    }
}

#[async_trait]
impl WindowSource for MockWindowSource {
    async fn windows(&self, gates: &[&GateRecord]) -> Result<Vec<WindowAnswer>, SourceError> {
        Self::windows(self, gates.iter().copied().cloned().collect())
    }
}

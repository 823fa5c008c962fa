//! The REST API over a [`Healthgate`].

use std::sync::Arc;

use super::Healthgate;
use crate::api::{Api, ApiBuilder, Authorizer};

impl Healthgate {
    /// Returns a builder for the REST API over the same parts. `authorizer` decides who may do what.
    ///
    /// Mount the [`routes`](crate::api::routes) of the built API, and run [`Api::run`] concurrently with
    /// [`run`](Self::run).
    #[must_use]
    pub fn api(&self, authorizer: Arc<dyn Authorizer>) -> ApiBuilder {
        let (store, hosts, clock) = (self.store.clone(), self.hosts.clone(), self.clock.clone());
        let (checks, gate) = (self.checks.clone(), self.gate.clone());
        Api::builder(store, checks, gate, hosts, authorizer, clock)
            .with_stale_after(self.stale_after)
    }
}

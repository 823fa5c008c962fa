//! The trait for name resolution.

use std::{fmt::Debug, io, net::IpAddr};

use async_trait::async_trait;

/// Resolves host names.
///
/// Contract:
/// - Returns every address of the name in the order to try. An empty list means that the name has none.
/// - Dropping a call must have no effect.
#[async_trait]
pub trait Resolve: Debug + Send + Sync + 'static {
    /// Resolves a host name.
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// Resolves names with the system's resolver.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

#[async_trait]
impl Resolve for SystemResolver {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect())
    }
}

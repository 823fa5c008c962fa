//! The seam to name resolution.

use std::{fmt::Debug, io, net::IpAddr};

use async_trait::async_trait;

/// Resolves host names.
///
/// Contract:
/// - Answer with every address of the name, in the order to be tried. None is an error of the name.
/// - Dropping a call must have no effect.
#[async_trait]
pub trait Resolve: Debug + Send + Sync + 'static {
    /// The addresses of a host name.
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// The system's resolver.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

#[async_trait]
impl Resolve for SystemResolver {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect())
    }
}

//! The trait for name resolution.

use std::{fmt::Debug, io, net::IpAddr};

use async_trait::async_trait;
use dns_lookup::{AddrInfoHints, LookupError, LookupErrorKind, SockType, getaddrinfo};

use super::resources;
use crate::model::ReasonCode;

/// Resolves host names.
///
/// Contract:
/// - Returns every address of the name in the order to try. An empty list, or an error of the kind
///   [`NotFound`](io::ErrorKind::NotFound), means that the name has no address. Any other error means that
///   the answer is currently unknown.
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
        let name = name.to_owned();
        // The standard library drops the resolver's error code. The code distinguishes a name that does not
        // exist from a resolver that does not answer (F195).
        tokio::task::spawn_blocking(move || look_up(&name)).await?
    }
}

fn look_up(name: &str) -> io::Result<Vec<IpAddr>> {
    let hints = AddrInfoHints { socktype: SockType::Stream.into(), ..AddrInfoHints::default() };
    let found = getaddrinfo(Some(name), None, Some(hints)).map_err(io_error)?;
    found.map(|address| Ok(address?.sockaddr.ip())).collect()
}

fn io_error(error: LookupError) -> io::Error {
    match error.kind() {
        LookupErrorKind::NoName | LookupErrorKind::NoData => {
            io::Error::new(io::ErrorKind::NotFound, "the name has no address")
        }
        LookupErrorKind::Memory => io::ErrorKind::OutOfMemory.into(),
        // The system's own errors, such as too many open files, keep their code.
        _ => error.into(),
    }
}

/// Resolves a name to at least one address.
///
/// # Errors
/// Returns the reason that there is none, and a sentence for people.
pub(super) async fn addresses(
    resolver: &dyn Resolve,
    name: &str,
) -> Result<Vec<IpAddr>, (ReasonCode, String)> {
    let no_address = || Err((ReasonCode::Dns, format!("the name {name} has no address")));
    match resolver.resolve(name).await {
        Ok(addresses) if addresses.is_empty() => no_address(),
        Ok(addresses) => Ok(addresses),
        Err(error) if error.kind() == io::ErrorKind::NotFound => no_address(),
        Err(error) if resources::are_exhausted(&error) => {
            Err((ReasonCode::NoResources, resources::WORDS.to_owned()))
        }
        Err(_) => {
            let words = format!(
                "the resolver does not answer for {name} now: check this manager's name servers"
            );
            Err((ReasonCode::ResolverFailed, words))
        }
    }
}

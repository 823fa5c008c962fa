//! HTTP checks: one GET by the rules H1 to H17.

mod body;
mod client;
mod destination;
mod hop;
mod redirect;

pub use self::{
    body::{BodySearch, Searched},
    client::{HttpClient, HttpClientConfig, HttpClientError},
    destination::{DeniedDestination, DestinationPolicy, DestinationRefused},
};

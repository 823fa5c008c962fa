//! HTTP checks: one GET by the rules H1 to H17.

mod body;
mod client;
mod destination;
mod inspect;
mod redirect;

pub(in crate::checks) use self::client::{Purpose, Trust};
#[cfg(feature = "testing")]
pub(crate) use self::redirect::{Redirect, judge as judge_redirect};
pub use self::{
    body::{BodySearch, Searched},
    client::{HttpClient, HttpClientConfig, HttpClientError},
    destination::{DeniedDestination, DestinationPolicy, DestinationRefused},
};

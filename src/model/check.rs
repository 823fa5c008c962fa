//! A health check as it is configured.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use super::{
    epoch::{ClockEpoch, StoreTime},
    ids::{CheckId, HostId},
    secret::SealedSecret,
    stored_check::UnreadableCheck,
    text::{CheckName, ExpectedBody, ServiceName, UserName},
    url::{CheckUrl, Origin},
};

/// The two kinds of checks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum CheckType {
    /// The host's agent is asked for the state of a unit.
    Service,
    /// A URL is requested.
    Http,
}

impl CheckType {
    /// The type as it stands in JSON and databases.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Http => "http",
        }
    }
}

impl fmt::Display for CheckType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// What a check asks. Only what belongs to its type can stand here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Probe {
    /// Ask an agent for a unit.
    Service(ServiceProbe),
    /// Request a URL.
    Http(HttpProbe),
    /// What is stored breaks a rule. Such a check asks nothing: it fails with
    /// [`ReasonCode::CheckUnreadable`](super::ReasonCode::CheckUnreadable) until it is edited or deleted (F221).
    Unreadable(Box<UnreadableCheck>),
}

/// What a service check asks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServiceProbe {
    /// The unit, in the agent's own rule for names.
    pub service_name: ServiceName,
    /// Ask this host's agent instead of the check's own, for redundant services.
    pub target_host_id: Option<HostId>,
}

/// What an HTTP check asks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HttpProbe {
    /// The URL, as the parser wrote it back.
    pub url: CheckUrl,
    /// The bytes that the body must hold; empty for "the status alone".
    pub expected_body: ExpectedBody,
    /// The user for basic authentication; `None` sends none.
    pub user: Option<UserName>,
}

/// A definition without identity: what an operator enters, or what a store holds.
///
/// [`NewCheck`](super::NewCheck) and [`CheckChange`](super::CheckChange) make valid ones only.
/// [`StoredCheck::read`](super::StoredCheck::read) may make one whose probe is
/// [`Unreadable`](Probe::Unreadable).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CheckDefinition {
    /// A name for people; not unique.
    pub name: CheckName,
    /// A disabled check is neither polled nor asked for by gates.
    pub enabled: bool,
    /// Accept any certificate. Without effect on service checks.
    pub ignore_cert_errors: bool,
    /// What is asked.
    pub probe: Probe,
}

impl CheckDefinition {
    /// The type of the check.
    #[must_use]
    pub fn check_type(&self) -> CheckType {
        match &self.probe {
            Probe::Service(_) => CheckType::Service,
            Probe::Http(_) => CheckType::Http,
            Probe::Unreadable(unreadable) => unreadable.check_type(),
        }
    }

    /// What is wrong with what is stored, where it cannot be read.
    #[must_use]
    pub const fn unreadable(&self) -> Option<&UnreadableCheck> {
        match &self.probe {
            Probe::Unreadable(unreadable) => Some(unreadable),
            Probe::Http(_) | Probe::Service(_) => None,
        }
    }

    /// The origin that a password is sent to, and bound to.
    #[must_use]
    pub fn origin(&self) -> Option<Origin> {
        match &self.probe {
            Probe::Http(http) => Some(http.url.origin()),
            Probe::Service(_) => None,
            Probe::Unreadable(unreadable) => unreadable.origin(),
        }
    }

    /// The HTTP part, where this is an HTTP check.
    #[must_use]
    pub const fn http(&self) -> Option<&HttpProbe> {
        match &self.probe {
            Probe::Http(http) => Some(http),
            Probe::Service(_) | Probe::Unreadable(_) => None,
        }
    }

    /// The service part, where this is a service check.
    #[must_use]
    pub const fn service(&self) -> Option<&ServiceProbe> {
        match &self.probe {
            Probe::Service(service) => Some(service),
            Probe::Http(_) | Probe::Unreadable(_) => None,
        }
    }

    /// The host whose agent a service check asks, where it is not the check's own.
    #[must_use]
    pub fn target_host_id(&self) -> Option<HostId> {
        match &self.probe {
            Probe::Service(service) => service.target_host_id,
            Probe::Unreadable(unreadable) => unreadable.target_host_id(),
            Probe::Http(_) => None,
        }
    }
}

/// A check as it is stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HealthCheck {
    /// Identity.
    pub id: CheckId,
    /// The host it belongs to.
    pub host_id: HostId,
    /// What it asks.
    pub definition: CheckDefinition,
    /// The password, sealed; `None` where there is none.
    pub secret: Option<SealedSecret>,
    /// When it was made, by the store's clock.
    pub created_at: DateTime<Utc>,
    /// When it was last changed, by the store's clock. Results from before do not count for a gate.
    pub updated_at: DateTime<Utc>,
    /// The epoch of the store's clock at the last change.
    pub updated_epoch: ClockEpoch,
    /// Raised by every change, from 1.
    pub revision: i64,
}

impl HealthCheck {
    /// The host whose agent a service check asks: its own, or the one it names.
    #[must_use]
    pub fn asked_host(&self) -> HostId {
        self.definition.target_host_id().unwrap_or(self.host_id)
    }

    /// Returns the time of a change at `now`: later than the last change also where the clock stands
    /// still, unless that change was dated by a clock that has gone back since (F136).
    #[must_use]
    pub fn next_update(&self, now: StoreTime) -> DateTime<Utc> {
        if self.updated_epoch == now.epoch {
            now.at.max(self.updated_at + TimeDelta::microseconds(1))
        } else {
            now.at
        }
    }

    /// Whether a password is stored.
    #[must_use]
    pub const fn has_password(&self) -> bool {
        self.secret.is_some()
    }
}

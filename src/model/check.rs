//! Health checks and their definitions.

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
    /// Asks the host's agent for the state of a unit.
    Service,
    /// Requests a URL.
    Http,
}

impl CheckType {
    /// Returns the type as written in JSON and databases.
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

/// The question of a check. It holds only the members of its type.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Probe {
    /// Ask an agent for the state of a unit.
    Service(ServiceProbe),
    /// Request a URL.
    Http(HttpProbe),
    /// The stored definition breaks a rule. The check asks nothing and fails with
    /// [`ReasonCode::CheckUnreadable`](super::ReasonCode::CheckUnreadable) until it is edited or deleted (F221).
    Unreadable(Box<UnreadableCheck>),
}

/// The question of a service check.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServiceProbe {
    /// The unit, whose name follows the agent's rule.
    pub service_name: ServiceName,
    /// The host whose agent is asked instead of the check's own, for redundant services.
    pub target_host_id: Option<HostId>,
}

/// The question of an HTTP check.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HttpProbe {
    /// The URL, as the parser writes it.
    pub url: CheckUrl,
    /// The bytes that the body must contain. If it is empty, only the status counts.
    pub expected_body: ExpectedBody,
    /// The user for basic authentication; `None` sends none.
    pub user: Option<UserName>,
}

/// A definition without an id, as an operator enters it or a store holds it.
///
/// [`NewCheck`](super::NewCheck) and [`CheckChange`](super::CheckChange) create only valid definitions.
/// [`StoredCheck::read`](super::StoredCheck::read) may create one whose probe is
/// [`Unreadable`](Probe::Unreadable).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CheckDefinition {
    /// A name for people. It need not be unique.
    pub name: CheckName,
    /// Whether the check is enabled. A disabled check is neither polled nor required by gates.
    pub enabled: bool,
    /// Whether any certificate is accepted. It has no effect on service checks.
    pub ignore_cert_errors: bool,
    /// The question of the check.
    pub probe: Probe,
}

impl CheckDefinition {
    /// Returns the type of the check.
    #[must_use]
    pub fn check_type(&self) -> CheckType {
        match &self.probe {
            Probe::Service(_) => CheckType::Service,
            Probe::Http(_) => CheckType::Http,
            Probe::Unreadable(unreadable) => unreadable.check_type(),
        }
    }

    /// Returns what is wrong with an unreadable definition; `None` if it can be read.
    #[must_use]
    pub const fn unreadable(&self) -> Option<&UnreadableCheck> {
        match &self.probe {
            Probe::Unreadable(unreadable) => Some(unreadable),
            Probe::Http(_) | Probe::Service(_) => None,
        }
    }

    /// Returns the origin that a password is sent to and bound to.
    #[must_use]
    pub fn origin(&self) -> Option<Origin> {
        match &self.probe {
            Probe::Http(http) => Some(http.url.origin()),
            Probe::Service(_) => None,
            Probe::Unreadable(unreadable) => unreadable.origin(),
        }
    }

    /// Returns the probe of an HTTP check.
    #[must_use]
    pub const fn http(&self) -> Option<&HttpProbe> {
        match &self.probe {
            Probe::Http(http) => Some(http),
            Probe::Service(_) | Probe::Unreadable(_) => None,
        }
    }

    /// Returns the probe of a service check.
    #[must_use]
    pub const fn service(&self) -> Option<&ServiceProbe> {
        match &self.probe {
            Probe::Service(service) => Some(service),
            Probe::Http(_) | Probe::Unreadable(_) => None,
        }
    }

    /// Returns the other host whose agent a service check asks, if any.
    #[must_use]
    pub fn target_host_id(&self) -> Option<HostId> {
        match &self.probe {
            Probe::Service(service) => service.target_host_id,
            Probe::Unreadable(unreadable) => unreadable.target_host_id(),
            Probe::Http(_) => None,
        }
    }
}

/// A stored check.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HealthCheck {
    /// The id.
    pub id: CheckId,
    /// The host of the check.
    pub host_id: HostId,
    /// The definition.
    pub definition: CheckDefinition,
    /// The sealed password, if there is one.
    pub secret: Option<SealedSecret>,
    /// The time of its creation, by the store's clock.
    pub created_at: DateTime<Utc>,
    /// The time of the last change, by the store's clock. Earlier results do not count for a gate.
    pub updated_at: DateTime<Utc>,
    /// The epoch of the store's clock at the last change.
    pub updated_epoch: ClockEpoch,
    /// The revision, counted from 1. Every change raises it.
    pub revision: i64,
}

impl HealthCheck {
    /// Returns the host whose agent a service check asks: its own host, or the one that it names.
    #[must_use]
    pub fn asked_host(&self) -> HostId {
        self.definition.target_host_id().unwrap_or(self.host_id)
    }

    /// Returns the time of a change at `now`. It is later than the last change even if the clock stands still,
    /// unless the clock has gone back since that change (F136).
    #[must_use]
    pub fn next_update(&self, now: StoreTime) -> DateTime<Utc> {
        if self.updated_epoch == now.epoch {
            now.at.max(self.updated_at + TimeDelta::microseconds(1))
        } else {
            now.at
        }
    }

    /// Returns whether a password is stored.
    #[must_use]
    pub const fn has_password(&self) -> bool {
        self.secret.is_some()
    }
}

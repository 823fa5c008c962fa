//! Identifiers as distinct types, so that the id of a check cannot be used as that of a host.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

#[cfg(feature = "testing")]
pub use self::source::SeededIds;

#[cfg(not(feature = "testing"))]
mod source {
    pub(super) fn next() -> uuid::Uuid {
        uuid::Uuid::now_v7()
    }
}
#[cfg(feature = "testing")]
#[path = "seeded.rs"]
mod source;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Creates a new id, ordered by the time of creation (UUID version 7, RFC 9562).
            #[must_use]
            pub fn generate() -> Self {
                Self(source::next())
            }

            /// Creates the id with this value.
            #[must_use]
            pub const fn from_uuid(value: Uuid) -> Self {
                Self(value)
            }

            /// Returns the value, for a database or a message.
            #[must_use]
            pub const fn as_uuid(&self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, formatter)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl From<Uuid> for $name {
            fn from(value: Uuid) -> Self {
                Self(value)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::from_str(text).map(Self)
            }
        }
    };
}

id! {
    /// A machine that the application manages. The application creates these ids.
    HostId
}
id! {
    /// A health check of one host.
    CheckId
}
id! {
    /// A job of the application that changes hosts. The application creates these ids.
    JobId
}
id! {
    /// The gate of one job on one host.
    GateId
}
id! {
    /// One permission to go ahead, handed out by a gate. It can be spent once.
    PassId
}
id! {
    /// One start of one worker process. Never reused, so that a lease's owner is unambiguous (L1).
    WorkerId
}
id! {
    /// One audit record.
    AuditId
}

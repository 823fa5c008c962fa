//! Failures that end the program with a non-zero status. Each prints one line to standard error.

use std::{fmt::Write as _, io, net::SocketAddr, path::PathBuf};

use healthgate::{
    checks::{CertificateError, HttpClientError, ManageError},
    crypto::KeyFileError,
    gate::GateError,
    store::StoreError,
};
use thiserror::Error;

use crate::{
    config::ConfigError,
    database::{ConnectError, DatabaseError},
    worker::WorkerError,
};

/// Why the program cannot start or continue.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(crate) enum Failure {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("the certificates for agents cannot be used")]
    Certificates(#[from] CertificateError),
    #[error(
        "`security.agent_client_key`: {0} is open to others (mode {mode:03o}): run `chmod 640 {0}` or `chmod 600 {0}`",
        path.display()
    )]
    KeyOpenToOthers { path: PathBuf, mode: u32 },
    #[error("`http_checks.extra_ca`: {} cannot be read", path.display())]
    ExtraCa {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the client for HTTP checks cannot be created")]
    HttpClient(#[from] HttpClientError),
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    #[error("the folder of the key file {} cannot be created", path.display())]
    KeyFolder {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(transparent)]
    Keys(#[from] ManageError),
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(
        "the database's schema is missing or does not match this version: run `patch-manager migrate`"
    )]
    Schema,
    #[error("the database schema cannot be migrated")]
    Migrate(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Policy(#[from] healthgate::ConfigError),
    #[error(transparent)]
    Gate(#[from] GateError),
    #[error(transparent)]
    Worker(#[from] WorkerError),
    #[error(
        "`{command}` shares its database with other processes and needs Postgres: use `serve` with SQLite"
    )]
    NeedsPostgres { command: &'static str },
    #[error("cannot listen on {address}")]
    Listen {
        address: SocketAddr,
        #[source]
        source: io::Error,
    },
    #[error("the metrics cannot be set up")]
    Metrics(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("there is no user `{name}`: add it to `[[users]]` in the configuration")]
    UserUnknown { name: String },
    #[error("no token, or more than one, has the id `{id}`: `patch-manager token list` shows them")]
    TokenUnknown { id: String },
    #[error("the token `{id}` comes from the configuration: remove it there and restart")]
    TokenOfFile { id: String },
    #[error("the audit log does not match its hash chain: {faults} faults")]
    AuditChain { faults: usize },
    #[error("the system's random number generator failed")]
    Randomness(#[source] getrandom::Error),
    #[error("{} passwords do not open with any loaded key: restore their key", .checks)]
    Unreadable { checks: usize },
    #[cfg(feature = "demo")]
    #[error("the simulated fleet cannot be started")]
    Fleet(#[source] io::Error),
    #[cfg(feature = "demo")]
    #[error(
        "others can reach {address}, and the demo gives its tokens to everyone who asks: listen on \
         127.0.0.1, or add --expose-demo"
    )]
    Exposed { address: SocketAddr },
    #[error("{what}")]
    Io {
        what: &'static str,
        #[source]
        source: io::Error,
    },
}

impl Failure {
    /// Formats the failure and its causes in one line.
    pub(crate) fn line(&self) -> String {
        let mut line = self.to_string();
        let mut next = std::error::Error::source(self);
        while let Some(cause) = next {
            let words = cause.to_string();
            // Skips a cause that an outer message already contains.
            if !line.contains(&words) {
                let _ = write!(line, ": {words}");
            }
            next = cause.source();
        }
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

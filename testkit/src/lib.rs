//! Test equipment for healthgate: an agent with the exact wire format, web targets that misbehave on
//! command, and listeners that record their callers.
//!
//! Everything listens on loopback by default, owns its tasks, and ends with its handle. Nothing is global,
//! so any number of instances can run concurrently.
//!
//! ```
//! use healthgate_testkit::{Agent, Authority, ServiceScript};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
//! let authority = Authority::new("test authority");
//! let agent = Agent::builder(&authority).with_service("nginx", ServiceScript::Healthy).start().await?;
//! agent.set("nginx", ServiceScript::Failed);
//! assert_eq!(agent.counters().requests, 0);
//! # Ok(()) }
//! ```

mod activity;
mod agent;
mod agent_answers;
mod agent_routes;
mod authority;
mod black_hole;
mod connection;
mod encoding;
pub mod envelope;
mod framing;
mod manager_tables;
#[cfg(unix)]
mod postgres;
mod proxy;
mod rate_limit;
mod recorder;
mod script;
mod server;
#[cfg(unix)]
mod small_disk;
mod step;
mod tls_mode;
mod web;
mod web_script;
mod wire;

pub use activity::{Counters, RecordedRequest};
pub use agent::{Agent, AgentBuilder, SERVICE_PATH};
pub use authority::{Authority, Identity, ServerCertSpec, Validity};
pub use black_hole::BlackHole;
pub use envelope::ServiceState;
pub use framing::Framing;
pub use manager_tables::MANAGER_CHECK_TABLES;
#[cfg(unix)]
pub use postgres::{Postgres, PostgresBuilder, Stop};
pub use proxy::Proxy;
pub use rate_limit::{EXEMPT_PATHS, RateLimit};
pub use recorder::Recorder;
pub use script::ServiceScript;
#[cfg(unix)]
pub use small_disk::SmallDisk;
pub use tls_mode::{ClientRefusal, TlsMode};
pub use web::{WebTarget, WebTargetBuilder};
pub use web_script::WebScript;

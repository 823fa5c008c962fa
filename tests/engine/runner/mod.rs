//! The runners over real sockets and real TLS, against peers that misbehave.

mod agents;
mod host_run;
#[cfg(target_os = "linux")]
mod hostile;
mod http_answers;
mod http_policy;
mod secrets;
mod support;

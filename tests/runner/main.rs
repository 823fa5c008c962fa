//! The runners over real sockets and real TLS, against peers that misbehave.
#![cfg(feature = "http")]

mod agents;
mod host_run;
mod http_answers;
mod http_policy;
mod secrets;
mod support;

//! The runners over real sockets and real TLS, against peers that misbehave.

mod agents;
mod host_run;
#[cfg(target_os = "linux")]
mod hostile;
mod http_answers;
mod http_policy;
mod kept_connections;
mod odd_answers;
mod odd_certificates;
#[cfg(target_os = "linux")]
mod own_limits;
#[cfg(target_os = "linux")]
mod resolvers;
mod secrets;
mod several_addresses;
mod support;
mod tests_by_hand;

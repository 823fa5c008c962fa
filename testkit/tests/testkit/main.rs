//! The agent and the web targets on the wire.

mod agent_http;
mod agent_tls;
mod common;
mod web;

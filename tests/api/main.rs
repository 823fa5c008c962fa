//! The REST API, in process: requests go through the router as they would from a socket.

mod audit;
mod bodies;
mod checks;
mod document;
mod events;
mod gates;
mod hand_tests;
#[cfg(all(unix, feature = "http", feature = "postgres"))]
mod integration;
mod roles;
mod schema;
mod unreadable;
mod world;

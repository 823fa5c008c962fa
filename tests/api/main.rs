//! The REST API, in process: requests go through the router as they would from a socket.

mod audit;
mod bodies;
mod checks;
mod document;
mod events;
mod gates;
mod hand_tests;
mod roles;
mod schema;
mod world;

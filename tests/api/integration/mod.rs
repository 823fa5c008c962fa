//! An application that existed before the library takes it in, as `docs/integration.md` tells: its own
//! tables and audit chain, a real Postgres, a real agent. What is in the modules beside `steps` is
//! for integrators to copy.

mod directory;
mod executor;
mod hook;
mod legacy;
mod manager;
mod steps;
mod windows;

//! Health checks, a poller and a window-bounded gate for software that patches or reboots hosts.

pub mod checks;
pub mod clock;
pub mod crypto;
pub mod directory;
pub mod gate;

pub mod model;
pub mod store;

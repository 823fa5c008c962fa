//! Worker processes that are killed with SIGKILL at named points, and what they leave behind.
//!
//! A test starts this program again as a worker: a whole life of an installation, with a poller, a
//! runner of gates, jobs that spend passes, changes of checks and a rotation of keys, over a real
//! database. The worker kills itself at the named point. A second one finds what is there, two minutes
//! later by its clock, and goes on to the end. Then everything is held against what must be.

mod database;
mod kill;
mod life;
mod place;
mod point;
mod share;
mod verify;

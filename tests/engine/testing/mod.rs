//! The tools for other projects' tests, tested.

mod faulty_store;
#[cfg(feature = "http")]
mod mocks;
mod scripts;

//! The tools for other projects' tests, tested.

mod faulty_store;

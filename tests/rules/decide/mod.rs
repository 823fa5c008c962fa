//! The decision of a gate held against the invariants G1 to G34, with instants aimed at the borders.

mod properties;
mod scene;
mod trace;
mod vocabulary;

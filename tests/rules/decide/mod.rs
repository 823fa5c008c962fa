//! The decision of a gate held against the invariants G1 to G38, with instants aimed at the borders.

mod explain;
mod freezes;
mod properties;
mod scene;
mod trace;
mod verifying;
mod vocabulary;

//! The decision of a gate held against the invariants G1 to G37, with instants aimed at the borders.

mod freezes;
mod properties;
mod scene;
mod trace;
mod vocabulary;

//! Rules that need neither a store nor a network: input, windows, keys, and the gate's decision.

mod crypto;
mod decide;
mod model_input;
mod transitions;
mod windows;

//! A small patch manager that embeds healthgate.

fn main() {}

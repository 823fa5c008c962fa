//! The store in a SQLite file: the embedded default of installations of one machine.

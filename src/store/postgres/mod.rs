//! The store in Postgres: any number of workers share it, without a leader.

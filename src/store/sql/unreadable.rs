//! Stored records that cannot be read, as values: they fail no batch and no list (F221).

use std::error::Error;

use serde::de::DeserializeOwned;
use serde_json::Value;
use tracing::error;

use crate::store::StoreError;

/// The record, or nothing where it cannot be read; the log says so.
pub(in crate::store) fn readable<T>(read: Result<T, StoreError>) -> Option<T> {
    read.inspect_err(|error| {
        let source = error.source().map(tracing::field::display);
        error!(%error, source, "a stored record is left out");
    })
    .ok()
}

/// A member of a record that cannot be read as a whole, where it can be read by itself.
pub(super) fn member<T: DeserializeOwned>(members: &Value, name: &str) -> Option<T> {
    serde_json::from_value(members.get(name)?.clone()).ok()
}

/// What is wrong with a record, for people.
pub(in crate::store) fn unreadable_words(error: &StoreError) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

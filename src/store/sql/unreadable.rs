//! Represents unreadable stored records as values, so that they fail no batch and no list (F221).

use std::error::Error;

use serde::de::DeserializeOwned;
use serde_json::Value;
use tracing::error;

use crate::store::StoreError;

/// Returns the record, or logs an error and returns `None` if it cannot be read.
pub(in crate::store) fn readable<T>(read: Result<T, StoreError>) -> Option<T> {
    read.inspect_err(|error| {
        let source = error.source().map(tracing::field::display);
        error!(%error, source, "a stored record is left out");
    })
    .ok()
}

/// Reads one member of a record that cannot be read as a whole.
pub(super) fn member<T: DeserializeOwned>(members: &Value, name: &str) -> Option<T> {
    serde_json::from_value(members.get(name)?.clone()).ok()
}

/// Describes why a record cannot be read, for people.
pub(in crate::store) fn unreadable_words(error: &StoreError) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

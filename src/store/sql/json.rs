//! Columns that hold JSON, or one word of a closed vocabulary.

use serde::{
    Serialize,
    de::{
        DeserializeOwned, IntoDeserializer,
        value::{Error as ValueError, StrDeserializer},
    },
};
use serde_json::Value;

use crate::store::StoreError;

/// Returns the JSON text of a record.
pub(in crate::store) fn to_json(
    what: &'static str,
    value: &impl Serialize,
) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::corrupt(what, error))
}

/// Parses the record from a JSON text. `what` names its kind in the error.
pub(in crate::store) fn from_json<T: DeserializeOwned>(
    what: &'static str,
    text: &str,
) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::corrupt(what, error))
}

/// Returns the word of a value in a closed vocabulary, as in the API.
pub(in crate::store) fn to_word(
    what: &'static str,
    value: &impl Serialize,
) -> Result<String, StoreError> {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => Ok(word),
        Ok(other) => Err(StoreError::corrupt(what, format!("{other} is not one word"))),
        Err(error) => Err(StoreError::corrupt(what, error)),
    }
}

/// Parses the value that a word stands for.
pub(in crate::store) fn from_word<T: DeserializeOwned>(
    what: &'static str,
    word: &str,
) -> Result<T, StoreError> {
    let word: StrDeserializer<'_, ValueError> = word.into_deserializer();
    T::deserialize(word).map_err(|error| StoreError::corrupt(what, error))
}

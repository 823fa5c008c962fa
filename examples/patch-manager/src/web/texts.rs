//! Texts that people read in requests.

use healthgate::{
    api::Members,
    model::{ViolationCode, is_deceptive},
};

/// Reads an optional text without the spaces around it, and refuses characters that deceive people
/// (F127, F130).
pub(super) fn plain(members: &mut Members, field: &'static str) -> Option<String> {
    let text = members.optional::<String>(field)?.trim().to_owned();
    if text.chars().any(is_deceptive) {
        refuse_deceptive(members, field);
    }
    Some(text)
}

/// Refuses a text for the characters that it holds.
pub(super) fn refuse_deceptive(members: &mut Members, field: &'static str) {
    let message = "leave invisible and control characters out";
    members.violation(field, ViolationCode::InvalidCharacter, message);
}

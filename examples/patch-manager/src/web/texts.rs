//! Texts in requests.

use healthgate::{
    api::Members,
    model::{ViolationCode, is_deceptive},
};

/// Reads an optional text, trims it, and refuses deceptive characters (F127, F130).
pub(super) fn plain(members: &mut Members, field: &'static str) -> Option<String> {
    let text = members.optional::<String>(field)?.trim().to_owned();
    if text.chars().any(is_deceptive) {
        refuse_deceptive(members, field);
    }
    Some(text)
}

/// Refuses a text because of its characters.
pub(super) fn refuse_deceptive(members: &mut Members, field: &'static str) {
    let message = "remove invisible and control characters";
    members.violation(field, ViolationCode::InvalidCharacter, message);
}

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

/// Holds the reason of a pause against its rule; whoever resumes a host gives none.
pub(super) fn need_pause_reason(members: &mut Members, paused: Option<bool>, reason: Option<&str>) {
    let length = reason.map_or(0, |reason| reason.chars().count());
    if paused == Some(true) && !(1..=200).contains(&length) {
        let code = if length == 0 { ViolationCode::Required } else { ViolationCode::TooLong };
        members.violation("reason", code, "give a reason of 1 to 200 characters");
    }
}

/// Refuses a text because of its characters.
pub(super) fn refuse_deceptive(members: &mut Members, field: &'static str) {
    let message = "remove invisible and control characters";
    members.violation(field, ViolationCode::InvalidCharacter, message);
}

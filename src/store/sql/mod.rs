//! What both databases share: how what is stored in columns becomes values, and back.

mod check;
mod json;
mod result;
mod summary;

pub(super) use self::{
    check::{CheckColumns, DefinitionColumns},
    json::{from_json, from_word, to_json, to_word},
    result::ResultColumns,
    summary::SummaryColumns,
};

//! The changed fields of a check, for audit records. Secrets are never included.

use crate::{
    model::{CheckDefinition, FieldChange, HealthCheck, StoredCheck, UnreadableCheck},
    store::SecretChange,
};

/// Lists the fields of a new check.
pub(super) fn created(definition: &CheckDefinition, password: bool) -> Vec<FieldChange> {
    let mut changes: Vec<FieldChange> = fields(definition)
        .into_iter()
        .filter_map(|(field, value)| change(field, None, Some(value?)))
        .collect();
    if password {
        changes.extend(change(PASSWORD, None, Some("set".to_owned())));
    }
    changes
}

/// Lists the fields that differ.
pub(super) fn changed(
    before: &HealthCheck,
    after: &CheckDefinition,
    secret: &SecretChange,
) -> Vec<FieldChange> {
    let mut changes: Vec<FieldChange> = fields(&before.definition)
        .into_iter()
        .zip(fields(after))
        .filter_map(|((field, before), (_, after))| change(field, before, after))
        .collect();
    let was = before.has_password().then(|| "set".to_owned());
    match secret {
        SecretChange::Keep => {}
        SecretChange::Remove => changes.extend(change(PASSWORD, was, Some("cleared".to_owned()))),
        SecretChange::Replace(_) => {
            let now = if was.is_some() { "changed" } else { "set" };
            changes.extend(change(PASSWORD, was, Some(now.to_owned())));
        }
    }
    changes
}

/// Lists the fields of a deleted check.
pub(super) fn deleted(check: &HealthCheck) -> Vec<FieldChange> {
    fields(&check.definition)
        .into_iter()
        .filter_map(|(field, value)| change(field, Some(value?), None))
        .collect()
}

const PASSWORD: &str = "basic_auth_pass";

fn change(field: &str, before: Option<String>, after: Option<String>) -> Option<FieldChange> {
    (before != after).then(|| FieldChange { field: field.to_owned(), before, after })
}

fn fields(definition: &CheckDefinition) -> [(&'static str, Option<String>); 9] {
    let members = StoredCheck::of(definition);
    // An unreadable URL may contain a password.
    let url = definition.unreadable().map_or(members.url, UnreadableCheck::shown_url);
    [
        ("name", Some(definition.name.to_string())),
        ("check_type", Some(members.check_type)),
        ("enabled", Some(members.enabled.to_string())),
        ("service_name", members.service_name),
        ("url", url),
        ("expected_body", members.expected_body),
        ("ignore_cert_errors", Some(members.ignore_cert_errors.to_string())),
        ("basic_auth_user", members.basic_auth_user),
        ("target_host_id", members.target_host_id.map(|host| host.to_string())),
    ]
}

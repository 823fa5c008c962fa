//! Holds answers against the OpenAPI document: a reader of the part of JSON Schema that it uses.

use serde_json::Value;

/// What of `value` is not as `schema` says.
pub(crate) fn faults(document: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    check(document, schema, value, "$", &mut faults);
    faults
}

fn check(document: &Value, schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let pointer = reference.strip_prefix('#').expect("a reference within the document");
        let target = document.pointer(pointer).unwrap_or_else(|| panic!("{reference} is missing"));
        return check(document, target, value, at, faults);
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        check(document, part, value, at, faults);
    }
    for choice in ["oneOf", "anyOf"] {
        if let Some(choices) = schema[choice].as_array() {
            let fits = |choice: &&Value| {
                let mut faults = Vec::new();
                check(document, choice, value, at, &mut faults);
                faults.is_empty()
            };
            if choices.iter().filter(fits).count() == 0 {
                faults.push(format!("{at}: none of {choice} fits {value}"));
            }
        }
    }
    if let Some(values) = schema["enum"].as_array()
        && !values.contains(value)
    {
        faults.push(format!("{at}: {value} is not among {values:?}"));
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !types.is_empty() && !types.iter().any(|wanted| is_of(value, wanted)) {
        faults.push(format!("{at}: {value} is not of {types:?}"));
    }
    if let Some(members) = value.as_object()
        && (types.contains(&"object") || schema.get("properties").is_some())
    {
        for required in schema["required"].as_array().into_iter().flatten() {
            if !members.contains_key(required.as_str().unwrap()) {
                faults.push(format!("{at}: {required} is missing"));
            }
        }
        for (name, member) in members {
            if let Some(schema) = schema["properties"].get(name) {
                check(document, schema, member, &format!("{at}.{name}"), faults);
            }
        }
    }
    for item in value.as_array().into_iter().flatten() {
        if let Some(schema) = schema.get("items") {
            check(document, schema, item, &format!("{at}[]"), faults);
        }
    }
}

fn is_of(value: &Value, wanted: &str) -> bool {
    match wanted {
        "null" => value.is_null(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("the type {other} is not known here"),
    }
}

/// The names of the object's members that the schema does not know, whatever it allows.
pub(crate) fn undocumented(document: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut known = Vec::new();
    collect(document, schema, &mut known);
    let members = value.as_object().into_iter().flatten();
    members.map(|(name, _)| name.clone()).filter(|name| !known.contains(name)).collect()
}

fn collect(document: &Value, schema: &Value, known: &mut Vec<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = document.pointer(&reference[1..]).expect("a reference that leads somewhere");
        collect(document, target, known);
    }
    known.extend(
        schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.clone()),
    );
    for part in schema["allOf"].as_array().into_iter().flatten() {
        collect(document, part, known);
    }
}

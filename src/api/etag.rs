//! Entity tags: the quoted revision (RFC 9110 section 8.8.3).

use axum::http::{HeaderMap, HeaderValue, header};

/// Returns the tag of a revision.
pub(super) fn of(revision: i64) -> Option<HeaderValue> {
    HeaderValue::try_from(format!("\"{revision}\"")).ok()
}

/// The revisions that a change may be based on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum IfMatch {
    /// Any revision: the header is absent, or is `*`.
    Any,
    /// Only these revisions. A tag without a valid revision matches none.
    These(Vec<i64>),
}

impl IfMatch {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut values = headers.get_all(header::IF_MATCH).iter().peekable();
        if values.peek().is_none() {
            return Self::Any;
        }
        let mut revisions = Vec::new();
        for tag in values.filter_map(|value| value.to_str().ok()).flat_map(|tags| tags.split(',')) {
            match tag.trim() {
                "*" => return Self::Any,
                tag => revisions.extend(revision(tag)),
            }
        }
        Self::These(revisions)
    }
}

/// Parses the revision of a tag. A proxy that compresses answers makes their tags weak. A revision
/// identifies one state of a check in any encoding, so a weak tag is compared by its value (F181).
fn revision(tag: &str) -> Option<i64> {
    let digits = tag.strip_prefix("W/").unwrap_or(tag).strip_prefix('"')?.strip_suffix('"')?;
    let revision = digits.parse::<i64>().ok()?;
    (revision.to_string() == digits).then_some(revision)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_header(value: &'static str) -> IfMatch {
        let mut headers = HeaderMap::new();
        headers.insert(header::IF_MATCH, HeaderValue::from_static(value));
        IfMatch::of(&headers)
    }

    #[test]
    fn f181_tags_of_revisions_match_also_weak_ones_and_nothing_else() {
        assert_eq!(IfMatch::of(&HeaderMap::new()), IfMatch::Any);
        assert_eq!(of_header("*"), IfMatch::Any);
        assert_eq!(of_header("\"3\""), IfMatch::These(vec![3]));
        assert_eq!(of_header("\"3\", \"4\""), IfMatch::These(vec![3, 4]));
        assert_eq!(of_header("W/\"3\""), IfMatch::These(vec![3]));
        assert_eq!(of_header("\"2\", W/\"3\""), IfMatch::These(vec![2, 3]));
        for none in ["w/\"3\"", "W/3", "W/W/\"3\"", "3", "\"03\"", "\"+3\"", "\"x\"", "", "\""] {
            assert_eq!(of_header(none), IfMatch::These(vec![]), "{none}");
        }
    }
}

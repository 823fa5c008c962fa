//! The search in a body that arrives in chunks, against a search of the whole (H11, F99, F100).

use healthgate::checks::{BodySearch, Searched};

use crate::input::Input;

/// Searches a body.
///
/// Input: a length and the needle, the cap (2 bytes), a length and the sizes of the chunks, the body.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let needle = input.short();
    if needle.is_empty() {
        return;
    }
    let cap = 1 + usize::from(input.word());
    let sizes = input.short();
    let body = input.rest();
    let chunks = cut(body, sizes);
    let mut search = BodySearch::new(needle, cap);
    let mut received = 0;
    let found_behind = naive(body, needle);
    for chunk in chunks {
        received += chunk.len();
        let expected = if found_behind.is_some_and(|end| end <= received.min(cap)) {
            Searched::Found
        } else if received >= cap {
            Searched::CapReached
        } else {
            Searched::NotYet
        };
        assert_eq!(search.push(chunk), expected, "after {received} bytes of {}", body.len());
        if expected != Searched::NotYet {
            return;
        }
    }
}

/// Cuts a body into chunks of these sizes, over and over; without sizes it comes whole.
fn cut<'a>(body: &'a [u8], sizes: &[u8]) -> Vec<&'a [u8]> {
    let (mut rest, mut chunks) = (body, Vec::new());
    if sizes.iter().any(|size| *size > 0) {
        for size in sizes.iter().cycle() {
            let (chunk, behind) = rest.split_at(usize::from(*size).min(rest.len()));
            chunks.push(chunk);
            rest = behind;
            if rest.is_empty() {
                break;
            }
        }
    }
    chunks.push(rest);
    chunks
}

/// How many bytes of the whole are needed to find the needle, by looking everywhere.
fn naive(whole: &[u8], needle: &[u8]) -> Option<usize> {
    let start = (0..whole.len()).find(|start| whole[*start..].starts_with(needle))?;
    Some(start + needle.len())
}

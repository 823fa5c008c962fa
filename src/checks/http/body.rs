//! Searching a body while it streams (H11).

use memchr::memmem::Finder;

/// Searches for bytes in a body that arrives in chunks. Keeps at most `needle.len() - 1` bytes of it.
#[derive(Debug)]
pub struct BodySearch {
    finder: Finder<'static>,
    /// The last bytes seen, in which a match may begin.
    tail: Vec<u8>,
    seen: usize,
    cap: usize,
}

/// The state of a search after a chunk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Searched {
    /// The bytes were found.
    Found,
    /// Not found so far.
    NotYet,
    /// Not found within the cap.
    CapReached,
}

impl BodySearch {
    /// Creates a search for a non-empty needle within the first `cap` bytes.
    #[must_use]
    pub fn new(needle: &[u8], cap: usize) -> Self {
        Self { finder: Finder::new(needle).into_owned(), tail: Vec::new(), seen: 0, cap }
    }

    /// Searches the next chunk.
    pub fn push(&mut self, chunk: &[u8]) -> Searched {
        let room = self.cap - self.seen;
        let over = chunk.len() > room;
        let chunk = &chunk[..chunk.len().min(room)];
        self.seen += chunk.len();
        let overlap = self.finder.needle().len().saturating_sub(1);
        // A match across the chunk boundary ends within the first bytes of this chunk.
        self.tail.extend_from_slice(&chunk[..chunk.len().min(overlap)]);
        if self.finder.find(&self.tail).is_some() || self.finder.find(chunk).is_some() {
            return Searched::Found;
        }
        if chunk.len() >= overlap {
            self.tail.clear();
            self.tail.extend_from_slice(&chunk[chunk.len() - overlap..]);
        } else {
            self.tail.drain(..self.tail.len().saturating_sub(overlap));
        }
        if over || self.seen == self.cap { Searched::CapReached } else { Searched::NotYet }
    }

    /// Returns the number of bytes received.
    pub(super) const fn seen(&self) -> usize {
        self.seen
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(needle: &[u8], chunks: &[&[u8]], cap: usize) -> bool {
        let mut search = BodySearch::new(needle, cap);
        chunks.iter().any(|chunk| search.push(chunk) == Searched::Found)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

        /// F99, F100: for every split of a body into chunks, and at the cap, the search agrees with a plain
        /// search of the whole body.
        #[test]
        fn f99_f100_every_split_gives_what_a_plain_search_of_the_whole_gives(
            body in proptest::collection::vec(0_u8..3, 0..40),
            needle in proptest::collection::vec(0_u8..3, 1..6),
            cuts in proptest::collection::vec(0_usize..40, 0..8),
            cap in 1_usize..48,
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(body.len())).collect();
            cuts.extend([0, body.len()]);
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> = cuts.windows(2).map(|pair| &body[pair[0]..pair[1]]).collect();
            let readable = &body[..body.len().min(cap)];
            let plain = readable.windows(needle.len()).any(|window| window == needle);
            prop_assert_eq!(found(&needle, &chunks, cap), plain);
        }
    }

    #[test]
    fn f100_bytes_are_bytes_whatever_they_encode() {
        assert!(found(b"\xff\x00\xfe", &[b"\x00\xff", b"\x00", b"\xfe\x00"], 100));
        let utf16: Vec<u8> = "ok".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(!found(b"ok", &[&utf16], 100));
    }
}

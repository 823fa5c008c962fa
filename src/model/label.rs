//! A short text that an application gives, cleaned where it enters.

use std::fmt;

use super::text::is_deceptive;

/// A short name or word that an application gives, such as the name of a condition: at most 100
/// characters, none of them a control or an invisible one (F144).
///
/// Anything else is replaced or cut, so that a text of an application's can neither be refused by a
/// database nor deceive people.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Label(String);

impl Label {
    /// The most characters that are kept.
    pub const MAXIMUM_CHARACTERS: usize = 100;

    /// Creates a label, with every control and invisible character replaced and the rest cut.
    #[must_use]
    pub fn new(text: impl AsRef<str>) -> Self {
        let clean = |character: char| if is_deceptive(character) { '\u{FFFD}' } else { character };
        Self(text.as_ref().chars().take(Self::MAXIMUM_CHARACTERS).map(clean).collect())
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Label {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Label {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl fmt::Display for Label {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for Label {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, formatter)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn f144_a_label_is_clean_and_short_whatever_it_is_made_of(text in any::<String>()) {
            let label = Label::new(&text);
            prop_assert!(label.as_str().chars().count() <= Label::MAXIMUM_CHARACTERS);
            prop_assert!(!label.as_str().chars().any(is_deceptive));
            prop_assert_eq!(Label::new(label.as_str()), label);
        }
    }
}

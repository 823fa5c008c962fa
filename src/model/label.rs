//! Short texts from the application, cleaned on entry.

use std::fmt;

use super::text::is_deceptive;

/// A short text from the application, such as the name of a condition.
///
///
/// It has at most 100 characters and no control or invisible ones (F144). The constructor replaces such
/// characters and cuts longer texts, so that no text can be refused by a database or deceive people.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Label(String);

impl Label {
    /// The maximum number of characters.
    pub const MAXIMUM_CHARACTERS: usize = 100;

    /// Creates a label. It replaces every control and invisible character, and cuts the text at the maximum.
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

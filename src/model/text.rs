//! Validated texts: names, units, users and the expected body.

use std::{fmt, ops::Deref};

use serde::Serialize;
use unicode_normalization::UnicodeNormalization;

use super::violation::ViolationCode;

/// The refusal of a text: the code, and what to do about it.
pub(crate) type Refusal = (ViolationCode, String);

macro_rules! text {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        pub struct $name(String);

        impl Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, formatter)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

text! {
    /// The name of a check: 1 to 100 characters after trimming, in Unicode normalisation form C,
    /// without control, zero-width and bidirectional characters (F127).
    CheckName
}
text! {
    /// The name of a unit by the agent's rule: `[A-Za-z0-9][A-Za-z0-9_.@+-]*`, 1 to 200
    /// characters, no `..`, no bare template (F113, F114).
    ServiceName
}
text! {
    /// The text that a body must contain: 0 to 500 characters, compared as UTF-8 bytes. An empty text
    /// matches every body.
    ExpectedBody
}
text! {
    /// A user for basic authentication: 1 to 100 characters without `:` (RFC 7617) or control
    /// characters.
    UserName
}

impl CheckName {
    pub(crate) fn parse(text: &str) -> Result<Self, Refusal> {
        let name: String = text.trim().nfc().collect();
        length(&name, 1, 100)?;
        if let Some(found) = name.chars().find(|found| is_deceptive(*found)) {
            return Err((
                ViolationCode::InvalidCharacter,
                format!("remove the invisible or control character U+{:04X}", u32::from(found)),
            ));
        }
        Ok(Self(name))
    }
}

impl CheckName {
    /// Returns the form in which a name that breaks the rule is shown.
    pub(super) fn salvage(text: &str) -> Self {
        let clean =
            text.trim().nfc().map(|found| if is_deceptive(found) { '\u{FFFD}' } else { found });
        let name: String = clean.take(100).collect();
        Self(if name.is_empty() { "(no name)".to_owned() } else { name })
    }
}

impl ServiceName {
    /// The agent's rule in words for people.
    const RULE: &str = "a unit's name begins with a letter or digit, goes on with letters, digits \
                        and `_ . @ + -`, has no `..`, and names an instance where it has an `@` \
                        (`getty@tty1.service`, not `getty@.service`)";

    /// The advice for an existing unit that the agent cannot be asked for, such as `dev-sda\\x2d1.device`.
    const ALIAS: &str = "the agent cannot be asked for a unit with `\\` or `:` in its name: give the unit \
                         an alias (`Alias=` in its `[Install]` section) and check that";

    pub(crate) fn parse(text: &str) -> Result<Self, Refusal> {
        length(text, 1, 200)?;
        let mut bytes = text.bytes();
        let first = bytes.next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        if !first || !bytes.all(|byte| byte.is_ascii_alphanumeric() || b"_.@+-".contains(&byte)) {
            let needs_alias = text.contains(['\\', ':']);
            let words = if needs_alias {
                format!("{}; {}", Self::ALIAS, Self::RULE)
            } else {
                Self::RULE.to_owned()
            };
            return Err((ViolationCode::InvalidCharacter, words));
        }
        let bare_template = text
            .split_once('@')
            .is_some_and(|(_, instance)| instance.is_empty() || instance.starts_with('.'));
        if text.contains("..") || bare_template {
            return Err((ViolationCode::InvalidFormat, Self::RULE.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl ExpectedBody {
    pub(crate) fn parse(text: &str) -> Result<Self, Refusal> {
        length(text, 0, 500)?;
        if text.contains('\0') {
            // No text column of a database can hold it.
            return Err((
                ViolationCode::InvalidCharacter,
                "remove the character U+0000".to_owned(),
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl UserName {
    pub(crate) fn parse(text: &str) -> Result<Self, Refusal> {
        length(text, 1, 100)?;
        if text.contains(':') || text.chars().any(char::is_control) {
            return Err((
                ViolationCode::InvalidCharacter,
                "a user name has no `:` and no control characters".to_owned(),
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

fn length(text: &str, minimum: usize, maximum: usize) -> Result<(), Refusal> {
    let characters = text.chars().count();
    if characters < minimum {
        Err((ViolationCode::TooShort, format!("give at least {minimum} character(s)")))
    } else if characters > maximum {
        Err((
            ViolationCode::TooLong,
            format!("give at most {maximum} characters, not {characters}"),
        ))
    } else {
        Ok(())
    }
}

/// Returns whether a character is a control, changes the direction of text, or is invisible (F127).
///
/// Names must not contain such a character. In texts from elsewhere it is replaced before they are shown.
#[must_use]
pub fn is_deceptive(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{061C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f113_unit_names_that_break_the_agents_rule_are_refused() {
        for name in
            ["", "../../x", "a/b", "%2e%2e", "?x", "#", "a\0b", "ünit", ".a", "-a", "a..b", "a b"]
        {
            assert!(ServiceName::parse(name).is_err(), "{name:?}");
        }
        assert!(ServiceName::parse(&"a".repeat(200)).is_ok());
        assert!(ServiceName::parse(&"a".repeat(201)).is_err());
    }

    /// F197: names that systemd allows and the agent refuses are refused with the rule and a workaround.
    #[test]
    fn f197_a_real_unit_that_the_agent_cannot_be_asked_for_is_told_with_the_rule() {
        for name in [
            r"systemd-fsck@dev-disk-by\x2duuid-1.service",
            "dev-mapper-vg:root.device",
            r"\x2d.mount",
        ] {
            let (code, words) = ServiceName::parse(name).expect_err(name);
            assert_eq!(code, ViolationCode::InvalidCharacter, "{name}");
            assert!(words.contains("Alias=") && words.contains("`_ . @ + -`"), "{words}");
        }
        let (_, words) = ServiceName::parse("a b").expect_err("a space");
        assert!(!words.contains("Alias="), "an alias does not help: {words}");
    }

    #[test]
    fn f114_instances_and_bare_names_are_units_and_a_bare_template_is_not() {
        for name in ["foo", "foo@bar.service", "foo.socket", "getty@tty1", "0a", "a+b_c-d"] {
            assert!(ServiceName::parse(name).is_ok(), "{name:?}");
        }
        for name in ["foo@.service", "foo@"] {
            assert!(ServiceName::parse(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn f127_deceptive_names_are_refused_and_the_rest_is_trimmed_and_composed() {
        for name in ["", "  ", "a\u{202E}b", "a\u{200B}b", "a\nb", "a\u{1b}[31m", "\u{FEFF}a"] {
            assert!(CheckName::parse(name).is_err(), "{name:?}");
        }
        assert!(CheckName::parse(&"x".repeat(10_000)).is_err());
        assert_eq!(CheckName::parse(" e\u{301}a ").map(|name| name.to_string()), Ok("éa".into()));
        assert!(CheckName::parse(&"é".repeat(100)).is_ok());
    }
}

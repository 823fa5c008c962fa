//! Passwords, open and sealed.

use std::fmt;

use thiserror::Error;
use zeroize::Zeroizing;

/// A sealed password as it stands in a row: what a database can hold, also where it is corrupt.
/// Whether it opens is for a [`Sealer`](crate::crypto::Sealer) to say.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedSecret {
    /// 0: the old form without associated data; 1: bound to its check.
    pub format: i16,
    /// The nonce: 12 bytes where the row is sound.
    pub nonce: Vec<u8>,
    /// In format 1: version, key id, ciphertext and tag. In format 0: ciphertext and tag.
    pub ciphertext: Vec<u8>,
}

impl SealedSecret {
    /// The old form without associated data.
    pub const UNBOUND: i16 = 0;
    /// The form that is bound to its check, field, origin and tolerance.
    pub const BOUND: i16 = 1;
}

impl fmt::Debug for SealedSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SealedSecret")
            .field("format", &self.format)
            .field("nonce_bytes", &self.nonce.len())
            .field("ciphertext_bytes", &self.ciphertext.len())
            .finish()
    }
}

/// A password for basic authentication: UTF-8, at most 1,024 bytes, possibly empty. Wiped when it is
/// dropped, shown by nothing, never cloned.
pub struct Password(Zeroizing<String>);

impl Password {
    /// The most bytes that a password may have.
    pub const MAXIMUM_BYTES: usize = 1_024;

    /// The password of this text.
    ///
    /// # Errors
    /// A text of more than [`Password::MAXIMUM_BYTES`] bytes.
    pub fn new(text: impl Into<String>) -> Result<Self, PasswordTooLong> {
        let text = Zeroizing::new(text.into());
        if text.len() > Self::MAXIMUM_BYTES { Err(PasswordTooLong) } else { Ok(Self(text)) }
    }

    /// The text. Use it where it is sent, and keep no copy.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Password(…)")
    }
}

/// A password of more than 1,024 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("a password has at most 1,024 bytes")]
pub struct PasswordTooLong;

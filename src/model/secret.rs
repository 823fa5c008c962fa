//! Passwords, in plain text and sealed.

use std::fmt;

use thiserror::Error;
use zeroize::Zeroizing;

/// A sealed password as a database row holds it, possibly corrupt.
///
/// A [`Sealer`](crate::crypto::Sealer) decides whether it can be opened.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedSecret {
    /// The format: 0 is the old one without associated data, 1 is bound to the check.
    pub format: i16,
    /// The nonce: 12 bytes in a valid row.
    pub nonce: Vec<u8>,
    /// The payload. In format 1: version, key id, ciphertext and tag. In format 0: ciphertext and tag.
    pub ciphertext: Vec<u8>,
}

impl SealedSecret {
    /// The old format without associated data.
    pub const UNBOUND: i16 = 0;
    /// The format that is bound to check, field, origin and tolerance of certificate errors.
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

/// A password for basic authentication: UTF-8, at most 1,024 bytes, possibly empty.
///
/// It is wiped when dropped, never shown and never cloned.
pub struct Password(Zeroizing<String>);

impl Password {
    /// The maximum number of bytes.
    pub const MAXIMUM_BYTES: usize = 1_024;

    /// Creates a password.
    ///
    /// # Errors
    /// Fails if the text has more than [`Password::MAXIMUM_BYTES`] bytes.
    pub fn new(text: impl Into<String>) -> Result<Self, PasswordTooLong> {
        let text = Zeroizing::new(text.into());
        if text.len() > Self::MAXIMUM_BYTES { Err(PasswordTooLong) } else { Ok(Self(text)) }
    }

    /// Returns the plain text. Use it only to send it, and keep no copy.
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

/// The error of a password with more than 1,024 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("a password has at most 1,024 bytes")]
pub struct PasswordTooLong;

//! Keys and their ids.

use std::{fmt, str::FromStr};

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// A 256-bit key. It is wiped on drop and has neither `Debug` nor `Clone`.
pub struct Key(Zeroizing<[u8; 32]>);

impl Key {
    /// The length of a key in bytes.
    pub const BYTES: usize = 32;

    /// Creates a key from its bytes.
    #[must_use]
    pub fn from_bytes(bytes: Zeroizing<[u8; Self::BYTES]>) -> Self {
        Self(bytes)
    }

    /// Creates a key from the operating system's random source.
    ///
    /// # Errors
    /// Fails if the random source fails.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut bytes = Zeroizing::new([0; Self::BYTES]);
        getrandom::fill(bytes.as_mut_slice())?;
        Ok(Self(bytes))
    }

    /// Returns the id of this key. The id reveals nothing about the key.
    #[must_use]
    pub fn id(&self) -> KeyId {
        let digest = Sha256::new().chain_update(b"hc-key-id-v1").chain_update(*self.0).finalize();
        let mut id = [0; KeyId::BYTES];
        id.copy_from_slice(&digest[..KeyId::BYTES]);
        KeyId(id)
    }

    pub(super) fn bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Key({})", self.id())
    }
}

/// The id of a key: the first 8 bytes of its hash.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 8]);

impl KeyId {
    /// The length of an id in bytes.
    pub const BYTES: usize = 8;

    /// Creates the id from its bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "KeyId({self})")
    }
}

impl FromStr for KeyId {
    type Err = InvalidKeyId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() != 2 * Self::BYTES || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(InvalidKeyId);
        }
        let value = u64::from_str_radix(text, 16).map_err(|_| InvalidKeyId)?;
        Ok(Self(value.to_be_bytes()))
    }
}

/// The error for a text that is not a key id.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a key id is 16 hexadecimal digits")]
pub struct InvalidKeyId;

/// The id of one installation: 16 random bytes that its store keeps.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct InstallId([u8; 16]);

impl InstallId {
    /// Creates the id from its bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Creates an id from the operating system's random source.
    ///
    /// # Errors
    /// Fails if the random source fails.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// Returns the bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

//! AES-256-GCM with 96-bit nonces and 128-bit tags.

use aes_gcm::{Aes256Gcm, KeyInit, aead::AeadInOut};
use zeroize::Zeroizing;

use super::key::Key;

pub(super) const NONCE_BYTES: usize = 12;
pub(super) const TAG_BYTES: usize = 16;

/// The error if the text or tag does not match this key, nonce and associated data.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Unauthentic;

/// Draws a nonce for one encryption from the operating system's random source (F83).
pub(super) fn fresh_nonce() -> Result<[u8; NONCE_BYTES], getrandom::Error> {
    let mut nonce = [0; NONCE_BYTES];
    getrandom::fill(&mut nonce)?;
    Ok(nonce)
}

/// Encrypts a text. Returns the ciphertext followed by the tag.
pub(super) fn encrypt(
    key: &Key,
    nonce: &[u8; NONCE_BYTES],
    associated: &[u8],
    text: &[u8],
) -> Result<Vec<u8>, Unauthentic> {
    let mut buffer = Zeroizing::new(Vec::with_capacity(text.len() + TAG_BYTES));
    buffer.extend_from_slice(text);
    Aes256Gcm::new(key.bytes().into())
        .encrypt_in_place(nonce.into(), associated, &mut *buffer)
        .map_err(|_| Unauthentic)?;
    Ok(std::mem::take(&mut *buffer))
}

/// Decrypts a ciphertext followed by its tag, if it is authentic.
pub(super) fn decrypt(
    key: &Key,
    nonce: &[u8; NONCE_BYTES],
    associated: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Unauthentic> {
    let mut buffer = Zeroizing::new(sealed.to_vec());
    Aes256Gcm::new(key.bytes().into())
        .decrypt_in_place(nonce.into(), associated, &mut *buffer)
        .map_err(|_| Unauthentic)?;
    Ok(buffer)
}

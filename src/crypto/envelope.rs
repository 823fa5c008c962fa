//! The format of a sealed password.
//!
//! `version 0x01 | key id (8) | ciphertext | tag (16)`. The plaintext is the password's length (2 bytes,
//! big endian) and the password, padded with zeros to a multiple of 64 bytes to hide its length.

use zeroize::Zeroizing;

use super::{
    key::{Key, KeyId},
    primitive::{self, NONCE_BYTES, TAG_BYTES},
    sealer::{OpenCause, OpenError, SealContext, SealError},
};
use crate::model::{Password, SealedSecret};

const VERSION: u8 = 0x01;
const HEADER_BYTES: usize = 1 + KeyId::BYTES;
const BLOCK_BYTES: usize = 64;
const MAXIMUM_BLOCKS: usize = 17;
const LABEL: &[u8] = b"hc-basic-auth-pass-v1";

/// Returns the key id in an envelope. `None` for the old format and for anything malformed.
#[must_use]
pub fn key_id_of(sealed: &SealedSecret) -> Option<KeyId> {
    parse(sealed).ok().map(|(key_id, _)| key_id)
}

/// Seals a password in the bound format.
pub(super) fn seal(
    key: &Key,
    context: &SealContext,
    password: &Password,
) -> Result<SealedSecret, SealError> {
    let nonce = primitive::fresh_nonce().map_err(SealError::NoRandomness)?;
    let key_id = key.id();
    let text = pad(password.expose());
    let sealed = primitive::encrypt(key, &nonce, &associated(key_id, context), &text)
        .map_err(|_| SealError::Cipher)?;
    let mut ciphertext = Vec::with_capacity(HEADER_BYTES + sealed.len());
    ciphertext.push(VERSION);
    ciphertext.extend_from_slice(key_id.as_bytes());
    ciphertext.extend_from_slice(&sealed);
    Ok(SealedSecret { format: SealedSecret::BOUND, nonce: nonce.to_vec(), ciphertext })
}

/// Opens a password in the bound format with the key that it names.
pub(super) fn open(
    key: &Key,
    context: &SealContext,
    sealed: &SealedSecret,
) -> Result<Password, OpenError> {
    let nonce = nonce(sealed)?;
    let (key_id, body) = parse(sealed)?;
    let text = primitive::decrypt(key, &nonce, &associated(key_id, context), body)
        .map_err(|_| OpenError::new(OpenCause::AuthFailed))?;
    unpad(&text)
}

/// Opens a password in the old format: ciphertext and tag without associated data.
pub(super) fn open_unbound(key: &Key, sealed: &SealedSecret) -> Result<Password, OpenError> {
    let nonce = nonce(sealed)?;
    let text = primitive::decrypt(key, &nonce, b"", &sealed.ciphertext)
        .map_err(|_| OpenError::new(OpenCause::AuthFailed))?;
    password(&text)
}

/// Returns the nonce after checking its length, before any cryptography (F82).
fn nonce(sealed: &SealedSecret) -> Result<[u8; NONCE_BYTES], OpenError> {
    sealed.nonce.as_slice().try_into().map_err(|_| OpenError::new(OpenCause::BadNonce))
}

fn parse(sealed: &SealedSecret) -> Result<(KeyId, &[u8]), OpenError> {
    let bad = || OpenError::new(OpenCause::BadEnvelope);
    if sealed.format != SealedSecret::BOUND || sealed.ciphertext.first() != Some(&VERSION) {
        return Err(bad());
    }
    let body_bytes =
        sealed.ciphertext.len().checked_sub(HEADER_BYTES + TAG_BYTES).ok_or_else(bad)?;
    let blocks = body_bytes / BLOCK_BYTES;
    if !body_bytes.is_multiple_of(BLOCK_BYTES) || !(1..=MAXIMUM_BLOCKS).contains(&blocks) {
        return Err(bad());
    }
    let mut key_id = [0; KeyId::BYTES];
    key_id.copy_from_slice(&sealed.ciphertext[1..HEADER_BYTES]);
    Ok((KeyId::from_bytes(key_id), &sealed.ciphertext[HEADER_BYTES..]))
}

fn pad(password: &str) -> Zeroizing<Vec<u8>> {
    let length = u16::try_from(password.len()).unwrap_or(u16::MAX);
    let size = (2 + password.len()).next_multiple_of(BLOCK_BYTES);
    let mut text = Zeroizing::new(Vec::with_capacity(size));
    text.extend_from_slice(&length.to_be_bytes());
    text.extend_from_slice(password.as_bytes());
    text.resize(size, 0);
    text
}

fn unpad(text: &[u8]) -> Result<Password, OpenError> {
    let bad = || OpenError::new(OpenCause::BadEnvelope);
    let (length, rest) = text.split_first_chunk::<2>().ok_or_else(bad)?;
    let length = usize::from(u16::from_be_bytes(*length));
    let (text, padding) = rest.split_at_checked(length).ok_or_else(bad)?;
    if padding.iter().any(|byte| *byte != 0) {
        return Err(bad());
    }
    password(text)
}

fn password(text: &[u8]) -> Result<Password, OpenError> {
    let bad = |_| OpenError::new(OpenCause::BadEnvelope);
    let text = std::str::from_utf8(text).map_err(bad)?;
    Password::new(text).map_err(|_| OpenError::new(OpenCause::BadEnvelope))
}

/// Returns the associated data. Each part is preceded by its length, so that no two lists are equal.
fn associated(key_id: KeyId, context: &SealContext) -> Vec<u8> {
    let port = context.origin.port.to_be_bytes();
    let (host_id, check_id) = (context.host_id.as_uuid(), context.check_id.as_uuid());
    let parts: [&[u8]; 9] = [
        LABEL,
        key_id.as_bytes(),
        context.install_id.as_bytes(),
        host_id.as_bytes().as_slice(),
        check_id.as_bytes().as_slice(),
        context.origin.scheme.as_bytes(),
        context.origin.host.as_bytes(),
        &port,
        &[u8::from(context.tolerant)],
    ];
    list(&parts)
}

/// Concatenates parts, each preceded by its length in 4 bytes.
pub(super) fn list(parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(parts.iter().map(|part| 4 + part.len()).sum());
    for part in parts {
        bytes.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    bytes
}

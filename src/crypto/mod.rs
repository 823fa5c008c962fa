//! placeholder
use crate::model::SealedSecret;
/// id
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct KeyId(pub [u8; 8]);
/// id
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct InstallId(pub [u8; 16]);
/// canary
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Canary {
    /// k
    pub key_id: KeyId,
    /// s
    pub sealed: SealedSecret,
}
/// The key that an envelope names
pub fn key_id_of(secret: &SealedSecret) -> Option<KeyId> {
    if secret.format != 1 {
        return None;
    }
    secret.ciphertext.get(1..9).and_then(|b| b.try_into().ok()).map(KeyId)
}

//! placeholder until the crypto module lands
use zeroize::Zeroizing;
/// sealed
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SealedSecret {
    /// f
    pub format: i16,
    /// n
    pub nonce: Vec<u8>,
    /// c
    pub ciphertext: Vec<u8>,
}
/// pw
pub struct Password(Zeroizing<String>);
impl Password {
    /// new
    /// # Errors
    /// long
    pub fn new(text: impl Into<String>) -> Result<Self, String> {
        Ok(Self(Zeroizing::new(text.into())))
    }
    /// e
    pub fn expose(&self) -> &str {
        &self.0
    }
}
impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password")
    }
}

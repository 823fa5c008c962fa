//! The key files of a rotation: which there are, and what each is for.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use super::{
    key::KeyId,
    key_file::{KeyFile, KeyFileError},
    key_ring::KeyRing,
};

/// The keys of one installation as files in one directory, each under the rules of [`KeyFile`]:
///
/// | file | what it is for |
/// | --- | --- |
/// | `NAME` | the primary key: seals and opens |
/// | `NAME.next` | the key of a rotation to come: opens, so that each worker knows it before one seals with it |
/// | `NAME.old` | the key before this one: opens what is not rewritten yet |
///
/// A rotation goes like this, and can stop and go on at any point:
/// 1. [`stage`](Self::stage), copy `NAME.next` to every worker, and restart them: each now opens with
///    both ([`KeyRing::key_ids`] tells).
/// 2. [`promote`](Self::promote) on every worker, and restart them: the new key seals, the old one
///    still opens.
/// 3. [`CheckManager::rotate_keys`](crate::checks::CheckManager::rotate_keys), until its report says
///    that nothing is left, and says so again 10 min later.
/// 4. Move `NAME.old` to where the back-ups are kept: one made earlier needs it.
///
/// Blocking: call it at start-up, or from a thread that may block.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyFiles {
    primary: PathBuf,
}

impl KeyFiles {
    /// The files around this one, which holds the primary key.
    #[must_use]
    pub fn new(primary: impl Into<PathBuf>) -> Self {
        Self { primary: primary.into() }
    }

    /// The file of the primary key.
    #[must_use]
    pub fn primary(&self) -> &Path {
        &self.primary
    }

    /// The file of the key that a rotation brings in.
    #[must_use]
    pub fn next(&self) -> PathBuf {
        self.beside(".next")
    }

    /// The file of the key before the primary one.
    #[must_use]
    pub fn old(&self) -> PathBuf {
        self.beside(".old")
    }

    /// Loads all keys that are there. The primary one is made where it is absent and `may_create`
    /// says so, under the rules of [`KeyFile::load_or_create`]; never in the middle of a rotation.
    ///
    /// # Errors
    /// What is wrong with one of the files: an unusable second key is not passed over in silence.
    pub fn load(&self, may_create: bool) -> Result<KeyRing, KeyFileError> {
        let others = [self.next(), self.old()].map(|path| match KeyFile::open(&path) {
            Err(KeyFileError::Missing { .. }) => Ok(None),
            opened => opened.map(Some),
        });
        let [next, old] = others;
        let (next, old) = (next?, old?);
        let may_create = may_create && next.is_none() && old.is_none();
        let mut ring = KeyRing::new(KeyFile::load_or_create(&self.primary, may_create)?);
        for key in [next, old].into_iter().flatten() {
            // A file that was copied under a second name is the same key.
            if !ring.key_ids().contains(&key.id()) {
                ring = ring.with_decrypt_only(key);
            }
        }
        Ok(ring)
    }

    /// Makes the next key, or finds it made before.
    ///
    /// # Errors
    /// The primary key is not usable, or the file cannot be made.
    pub fn stage(&self) -> Result<KeyId, KeyFileError> {
        KeyFile::open(&self.primary)?;
        Ok(KeyFile::load_or_create(&self.next(), true)?.id())
    }

    /// Makes the next key the primary one, and the primary one the old one. Where it was stopped half
    /// way it goes on. Where there is no next key, the promotion is done, and nothing happens.
    ///
    /// # Errors
    /// [`KeyFileError::Create`] where an old key from an earlier rotation is still there: nothing may
    /// need it any more before it is replaced. Else what is wrong with the next key's file.
    pub fn promote(&self) -> Result<(), KeyFileError> {
        let failed = |source| KeyFileError::Create { path: self.old(), source };
        match KeyFile::open(&self.next()) {
            Ok(_) => {}
            Err(KeyFileError::Missing { .. }) => return KeyFile::open(&self.primary).map(|_| ()),
            Err(error) => return Err(error),
        }
        if self.primary.exists() {
            // A second name instead of a rename: it fails where there is an old key.
            fs::hard_link(&self.primary, self.old()).or_else(|error| {
                // Stopped between the two steps: the old key is the primary one already.
                let same = same_file(&self.primary, &self.old()).unwrap_or(false);
                if same { Ok(()) } else { Err(failed(error)) }
            })?;
        }
        // Replaces the primary name in one step, so that there is a key under it at any time.
        fs::rename(self.next(), &self.primary).map_err(failed)?;
        let directory = match self.primary.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        File::open(directory).and_then(|directory| directory.sync_all()).map_err(failed)
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        let mut path = self.primary.clone().into_os_string();
        path.push(suffix);
        path.into()
    }
}

/// Whether two names are one file.
fn same_file(first: &Path, second: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let (first, second) = (fs::symlink_metadata(first)?, fs::symlink_metadata(second)?);
    Ok((first.dev(), first.ino()) == (second.dev(), second.ino()))
}

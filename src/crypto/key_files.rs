//! The key files of a rotation.

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

/// The key files of one installation, in one directory. Each follows the rules of [`KeyFile`].
///
/// | file | purpose |
/// | --- | --- |
/// | `NAME` | the primary key: seals and opens |
/// | `NAME.next` | the next key: opens, so that every worker knows it before any worker seals with it |
/// | `NAME.old` | the previous key: opens passwords that are not rewritten yet |
///
/// A rotation has these steps, and can be interrupted and resumed at any point:
/// 1. [`stage`](Self::stage), copy `NAME.next` to every worker, and restart them: each now opens with
///    both ([`KeyRing::key_ids`] lists them).
/// 2. [`promote`](Self::promote) on every worker, and restart them: the new key seals, the old one
///    still opens.
/// 3. [`CheckManager::rotate_keys`](crate::checks::CheckManager::rotate_keys), until its report says
///    that nothing is left, and again 10 minutes later.
/// 4. Move `NAME.old` to the backups: earlier backups need it.
///
/// Its functions block: call them at start-up or from a blocking thread.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyFiles {
    primary: PathBuf,
}

impl KeyFiles {
    /// Creates the set of files around the primary key's file.
    #[must_use]
    pub fn new(primary: impl Into<PathBuf>) -> Self {
        Self { primary: primary.into() }
    }

    /// Returns the path of the primary key.
    #[must_use]
    pub fn primary(&self) -> &Path {
        &self.primary
    }

    /// Returns the path of the next key.
    #[must_use]
    pub fn next(&self) -> PathBuf {
        self.beside(".next")
    }

    /// Returns the path of the previous key.
    #[must_use]
    pub fn old(&self) -> PathBuf {
        self.beside(".old")
    }

    /// Loads all keys. The primary key is created by the rules of [`KeyFile::load_or_create`], but never
    /// during a rotation.
    ///
    /// # Errors
    /// Fails if any of the files is unusable, not only the primary one.
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
            // A copy of a file under a second name contains the same key.
            if !ring.key_ids().contains(&key.id()) {
                ring = ring.with_decrypt_only(key);
            }
        }
        Ok(ring)
    }

    /// Creates the next key, or keeps the one that exists.
    ///
    /// # Errors
    /// Fails if the primary key is unusable, or if the file cannot be created.
    pub fn stage(&self) -> Result<KeyId, KeyFileError> {
        KeyFile::open(&self.primary)?;
        Ok(KeyFile::load_or_create(&self.next(), true)?.id())
    }

    /// Makes the next key the primary one, and the primary one the previous one. Resumes an interrupted
    /// promotion. Does nothing if there is no next key.
    ///
    /// # Errors
    /// Returns [`KeyFileError::Create`] if the previous key of an earlier rotation is still there: move it
    /// away first. Fails if the next key's file is unusable.
    pub fn promote(&self) -> Result<(), KeyFileError> {
        let failed = |source| KeyFileError::Create { path: self.old(), source };
        match KeyFile::open(&self.next()) {
            Ok(_) => {}
            Err(KeyFileError::Missing { .. }) => return KeyFile::open(&self.primary).map(|_| ()),
            Err(error) => return Err(error),
        }
        if self.primary.exists() {
            // Links instead of renaming, because a link fails if there is an old key.
            fs::hard_link(&self.primary, self.old()).or_else(|error| {
                // An interrupted promotion: the old key is already the primary one.
                let same = same_file(&self.primary, &self.old()).unwrap_or(false);
                if same { Ok(()) } else { Err(failed(error)) }
            })?;
        }
        // Replaces the primary file in one step, so that a key always exists under that name.
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

/// Returns whether two names refer to one file.
fn same_file(first: &Path, second: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let (first, second) = (fs::symlink_metadata(first)?, fs::symlink_metadata(second)?);
    Ok((first.dev(), first.ino()) == (second.dev(), second.ino()))
}

//! Key files: how one is opened, and how it is created on first start.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    os::{
        fd::{AsFd, OwnedFd},
        unix::fs::{MetadataExt, PermissionsExt},
    },
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    fs::{Mode, OFlags, fchmod, fstat},
    process::geteuid,
};
use thiserror::Error;
use zeroize::Zeroizing;

use super::{key::Key, sealer::OpenCause};

/// Reads and creates key files. Its functions block: call them at start-up or from a blocking thread.
#[derive(Clone, Copy, Debug)]
pub struct KeyFile;

/// How long to wait for another process that is still writing the file (F72).
const WRITING: Duration = Duration::from_secs(2);

impl KeyFile {
    /// Reads the key from an existing file.
    ///
    /// The file must be a regular file of exactly 32 bytes with one hard link, owned by the running user
    /// and accessible to nobody else, in a directory that only its owner may change. Permissions are
    /// never repaired silently.
    ///
    /// # Errors
    /// Fails if any of this does not hold. The error says what to do about it.
    pub fn open(path: &Path) -> Result<Key, KeyFileError> {
        let file = open_checked(path)?;
        check_directory(path)?;
        read_key(path, file)
    }

    /// Reads the key from a file, and creates the file if it is absent and `may_create` is set.
    ///
    /// Set `may_create` only while the store holds neither an encrypted password nor the canary of
    /// another key: a lost key must never be replaced by a new one. If several processes start at once,
    /// one creates the key and all load it (F75). The final name never holds a partial key (F76).
    ///
    /// # Errors
    /// Returns [`KeyFileError::Missing`] if the file is absent and must not be created. Fails like
    /// [`open`](Self::open) if the file is unusable, or if it cannot be created.
    pub fn load_or_create(path: &Path, may_create: bool) -> Result<Key, KeyFileError> {
        match Self::open(path) {
            Err(KeyFileError::Missing { .. }) if may_create => {
                check_directory(path)?;
                let failed = |source| KeyFileError::Create { path: path.to_owned(), source };
                match create(path, &mut |_| Ok(())) {
                    Ok(()) => {}
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                    Err(error) => return Err(failed(error)),
                }
                Self::open(path)
            }
            opened => opened,
        }
    }
}

/// A step of the creation at which a test can inject a failure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    Opened,
    HalfWritten,
    Written,
    Synced,
    Linked,
}

/// Creates the file: writes and syncs a temporary file, then links it to the final name. Linking never
/// overwrites. The temporary file is removed in any case.
fn create(path: &Path, reached: &mut dyn FnMut(Step) -> io::Result<()>) -> io::Result<()> {
    let directory = directory_of(path);
    let mut suffix = [0; 8];
    getrandom::fill(&mut suffix).map_err(io::Error::other)?;
    let suffix = u64::from_be_bytes(suffix);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = directory.join(format!(".{name}.{suffix:016x}"));
    let made = fill_and_link(&temporary, path, reached);
    let removed = fs::remove_file(&temporary);
    made?;
    removed?;
    File::open(directory)?.sync_all()
}

fn fill_and_link(
    temporary: &Path,
    path: &Path,
    reached: &mut dyn FnMut(Step) -> io::Result<()>,
) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let owner_only = Mode::RUSR | Mode::WUSR;
    let descriptor: OwnedFd = rustix::fs::open(temporary, flags, owner_only)?;
    // The umask may have removed bits from the mode (F77).
    fchmod(descriptor.as_fd(), owner_only)?;
    let mut file = File::from(descriptor);
    reached(Step::Opened)?;
    let key = Key::generate().map_err(io::Error::other)?;
    let (first, second) = key.bytes().split_at(Key::BYTES / 2);
    file.write_all(first)?;
    reached(Step::HalfWritten)?;
    file.write_all(second)?;
    reached(Step::Written)?;
    file.sync_all()?;
    reached(Step::Synced)?;
    fs::hard_link(temporary, path)?;
    reached(Step::Linked)
}

/// Opens without following links or blocking on a pipe, and checks the open descriptor.
fn open_checked(path: &Path) -> Result<File, KeyFileError> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let descriptor = rustix::fs::open(path, flags, Mode::empty()).map_err(|error| {
        let path = path.to_owned();
        match error {
            rustix::io::Errno::NOENT => KeyFileError::Missing { path },
            rustix::io::Errno::LOOP => KeyFileError::NotRegular { path },
            error => KeyFileError::Open { path, source: error.into() },
        }
    })?;
    let failed = |source| KeyFileError::Open { path: path.to_owned(), source };
    let stat = fstat(descriptor.as_fd()).map_err(|error| failed(error.into()))?;
    let file = File::from(descriptor);
    let metadata = file.metadata().map_err(failed)?;
    let insecure = |what| KeyFileError::Insecure { path: path.to_owned(), what };
    if !metadata.is_file() {
        return Err(KeyFileError::NotRegular { path: path.to_owned() });
    }
    if stat.st_uid != geteuid().as_raw() {
        return Err(insecure("it belongs to another user: change its owner to the running user"));
    }
    if metadata.permissions().mode() & 0o077 != 0 {
        return Err(insecure("others may access it: set its mode to 0600"));
    }
    // Two links exist while the creator has not yet removed the temporary name.
    if metadata.nlink() > 1 && !becomes(|| file.metadata().is_ok_and(|now| now.nlink() == 1)) {
        return Err(insecure("it has a second name (hard link): remove that"));
    }
    Ok(file)
}

fn check_directory(path: &Path) -> Result<(), KeyFileError> {
    let directory = directory_of(path);
    let metadata = fs::metadata(directory)
        .map_err(|source| KeyFileError::Open { path: directory.to_owned(), source })?;
    let insecure = |what| Err(KeyFileError::Insecure { path: path.to_owned(), what });
    if metadata.permissions().mode() & 0o022 != 0 {
        return insecure(
            "others may write to its directory: keep it in one that only its owner can change",
        );
    }
    // The owner of a directory can replace the key. Root can do so anywhere.
    if ![0, geteuid().as_raw()].contains(&metadata.uid()) {
        return insecure(
            "its directory belongs to another user: keep it in one of the running user, or of root",
        );
    }
    Ok(())
}

fn read_key(path: &Path, mut file: File) -> Result<Key, KeyFileError> {
    let size = || file.metadata().map_or(0, |metadata| metadata.len());
    becomes(|| size() == Key::BYTES as u64);
    // Reads one byte more than a key has, to detect a longer file.
    let mut bytes = Zeroizing::new([0; Key::BYTES + 1]);
    let mut length = 0;
    while length < bytes.len() {
        match file.read(&mut bytes[length..]) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(source) => return Err(KeyFileError::Open { path: path.to_owned(), source }),
        }
    }
    key_of(path, &bytes[..length])
}

/// Returns the key that a file of this content holds.
pub(crate) fn key_of(path: &Path, content: &[u8]) -> Result<Key, KeyFileError> {
    if content.len() != Key::BYTES {
        return Err(KeyFileError::WrongLength { path: path.to_owned() });
    }
    let mut key = Zeroizing::new([0; Key::BYTES]);
    key.copy_from_slice(content);
    // A file that was allocated and never written contains zeros.
    if key.iter().all(|byte| *byte == 0) {
        return Err(KeyFileError::NoKey { path: path.to_owned() });
    }
    Ok(Key::from_bytes(key))
}

/// Waits, for a bounded time, until another process has finished writing the file.
fn becomes(mut condition: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    loop {
        if condition() {
            return true;
        }
        if start.elapsed() >= WRITING {
            return false;
        }
        thread::sleep(Duration::from_millis(20));
    }
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Why a key file cannot be used, and what to do about it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// The file does not exist.
    #[error("the key file {} is missing: restore it from where it was backed up", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The path is a link, a directory, a pipe or a device.
    #[error("the key file {} is not a regular file: put the key itself there", path.display())]
    NotRegular {
        /// The file.
        path: PathBuf,
    },
    /// Others could read or replace the file.
    #[error("the key file {} is not safe: {what}", path.display())]
    Insecure {
        /// The file.
        path: PathBuf,
        /// The fault, and what to do about it.
        what: &'static str,
    },
    /// The file does not have 32 bytes.
    #[error("the key file {} must have exactly 32 bytes: restore it", path.display())]
    WrongLength {
        /// The file.
        path: PathBuf,
    },
    /// All bytes are zero, so the file contains no key.
    #[error("the key file {} contains only zeros: restore it", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be opened or read.
    #[error("the key file {} cannot be read", path.display())]
    Open {
        /// The file or its directory.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The file cannot be created.
    #[error("the key file {} cannot be created", path.display())]
    Create {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

impl KeyFileError {
    /// Returns the cause with which passwords fail to open while this file is unusable.
    #[must_use]
    pub const fn cause(&self) -> OpenCause {
        match self {
            Self::WrongLength { .. } | Self::NoKey { .. } => OpenCause::KeyWrongLength,
            Self::Insecure { .. } | Self::NotRegular { .. } => OpenCause::KeyInsecure,
            Self::Missing { .. } | Self::Open { .. } | Self::Create { .. } => OpenCause::KeyMissing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory() -> tempfile::TempDir {
        // A directory that others may not change: a temporary one has mode 0700.
        tempfile::tempdir().expect("a temporary directory")
    }

    /// F76: wherever a creation stops, the final name is absent or holds a complete key.
    #[test]
    fn f76_no_half_key_is_ever_at_the_final_name() {
        for step in [Step::Opened, Step::HalfWritten, Step::Written, Step::Synced, Step::Linked] {
            let directory = directory();
            let path = directory.path().join("key");
            let stopped = create(&path, &mut |reached| {
                if reached == step { Err(io::Error::other("stop")) } else { Ok(()) }
            });
            assert!(stopped.is_err(), "{step:?}");
            let left: Vec<_> = fs::read_dir(directory.path())
                .expect("readable")
                .map(|entry| entry.expect("readable").file_name())
                .collect();
            if step == Step::Linked {
                assert_eq!(left, ["key"]);
                KeyFile::open(&path).expect("a whole key");
            } else {
                assert!(left.is_empty(), "{step:?}: {left:?}");
            }
        }
    }
}

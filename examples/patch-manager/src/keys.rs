//! The keys that seal passwords: the current one, and earlier ones.

use std::{
    fmt::Write as _,
    fs, io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use healthgate::{
    checks::{CheckManager, RegisteredKeys, may_create_key, register_keys},
    crypto::{Key, KeyFile, KeyFileError, KeyRing},
    model::Actor,
    store::Store,
};
use tracing::{error, info};

use crate::error::Failure;

/// The suffix of a key that a rotation has created and not yet put in place.
const NEXT: &str = "next";
/// The suffix of a retired key. Earlier backups need it.
const RETIRED: &str = "retired";

/// Loads the key and the keys that rotations have left behind, and checks them against the keys that this
/// installation has used. Creates the key if it is missing and nothing was ever sealed here.
///
/// If passwords are stored and the key is missing, the program continues: checks without a password run,
/// and the others report `secret_unreadable`.
///
/// # Errors
/// Fails if a file is unsafe or contains no key, or if the key belongs to another installation.
pub(crate) async fn load(path: &Path, store: &Arc<dyn Store>) -> Result<RegisteredKeys, Failure> {
    let may_create = may_create_key(store.as_ref()).await?;
    if may_create {
        make_folder(path)?;
    }
    let primary = match blocking(path, move |path| KeyFile::load_or_create(path, may_create)).await
    {
        Err(Failure::KeyFile(missing @ KeyFileError::Missing { .. })) => {
            error!(error = %missing, "passwords are stored, and their key is missing");
            return Ok(RegisteredKeys::missing(missing.cause()));
        }
        loaded => loaded?,
    };
    let ring = with_others(KeyRing::new(primary), path).await?;
    Ok(register_keys(store.as_ref(), ring, &Actor::system()).await?)
}

/// Creates a new key, seals every stored password with it, and replaces the old key, which stays next to it
/// for backups. Resumes an interrupted rotation.
///
/// # Errors
/// Fails if a key file is unusable or the store cannot be written. The old key then stays in place, and the
/// next call continues.
pub(crate) async fn rotate(
    path: &Path,
    store: &Arc<dyn Store>,
    checks: impl FnOnce(RegisteredKeys) -> CheckManager,
) -> Result<String, Failure> {
    let current = blocking(path, KeyFile::open).await?;
    let retired = beside(path, &format!("{RETIRED}-{}", current.id()));
    let next = beside(path, NEXT);
    let primary = blocking(&next, |next| KeyFile::load_or_create(next, true)).await?;
    let new_id = primary.id();
    let ring = KeyRing::new(primary).with_decrypt_only(current);
    let ring = with_retired(ring, path).await?;
    let actor = Actor::system();
    let checks = checks(register_keys(store.as_ref(), ring, &actor).await?);
    let report = checks.rotate_keys(&actor).await?;
    if !report.unreadable.is_empty() {
        return Err(Failure::Unreadable { checks: report.unreadable.len() });
    }
    let renamed = |source| Failure::Io { what: "the new key cannot be put in place", source };
    // Copies first, so that an interruption never leaves the key's name without a key.
    fs::copy(path, &retired).map_err(renamed)?;
    fs::rename(&next, path).map_err(renamed)?;
    let mut words = format!(
        "passwords sealed under the new key {new_id}: {}; the old one is kept as {}",
        report.rewritten,
        retired.display()
    );
    for usage in checks.keys_in_use().await? {
        let id = usage.key_id.map_or_else(|| "none".to_owned(), |id| id.to_string());
        let _ = write!(words, "\npasswords under the key {id}: {}", usage.secrets);
    }
    Ok(words)
}

/// Checks the key like a start, but creates nothing.
///
/// # Errors
/// Fails if the file is unsafe or contains no key. A missing file is not an error, because a first start
/// creates it.
pub(crate) async fn check(path: &Path) -> Result<(), Failure> {
    match blocking(path, KeyFile::open).await {
        Ok(_) | Err(Failure::KeyFile(KeyFileError::Missing { .. })) => Ok(()),
        Err(error) => Err(error),
    }
}

async fn with_others(ring: KeyRing, path: &Path) -> Result<KeyRing, Failure> {
    let next = beside(path, NEXT);
    let ring = match blocking(&next, KeyFile::open).await {
        Ok(key) => {
            info!("a key rotation is not finished: both keys open passwords");
            ring.with_decrypt_only(key)
        }
        Err(Failure::KeyFile(KeyFileError::Missing { .. })) => ring,
        Err(error) => return Err(error),
    };
    with_retired(ring, path).await
}

async fn with_retired(mut ring: KeyRing, path: &Path) -> Result<KeyRing, Failure> {
    let prefix = beside(path, RETIRED);
    let prefix = prefix.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let Ok(entries) = fs::read_dir(folder.unwrap_or(Path::new("."))) else { return Ok(ring) };
    for entry in entries.filter_map(Result::ok) {
        if entry.file_name().to_string_lossy().starts_with(&prefix) {
            let key = blocking(&entry.path(), KeyFile::open).await?;
            ring = ring.with_decrypt_only(key);
        }
    }
    Ok(ring)
}

/// Appends `next` to `health-check.key` to form `health-check.key.next`.
fn beside(path: &Path, name: &str) -> PathBuf {
    let mut file = path.as_os_str().to_owned();
    file.push(".");
    file.push(name);
    PathBuf::from(file)
}

/// Creates the key's folder if it is missing, with access for its owner only.
fn make_folder(path: &Path) -> Result<(), Failure> {
    let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) else {
        return Ok(());
    };
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    match made {
        Err(source) if source.kind() != io::ErrorKind::AlreadyExists => {
            Err(Failure::KeyFolder { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

/// Runs blocking reads of key files. They take seconds if another process is writing one.
async fn blocking(
    path: &Path,
    read: impl FnOnce(&Path) -> Result<Key, KeyFileError> + Send + 'static,
) -> Result<Key, Failure> {
    let path = path.to_owned();
    let read = tokio::task::spawn_blocking(move || read(&path)).await;
    let read = read.map_err(|error| Failure::Io {
        what: "a task that read a key file has ended early",
        source: io::Error::other(error),
    })?;
    Ok(read?)
}

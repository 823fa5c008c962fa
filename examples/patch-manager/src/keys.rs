//! The keys that passwords are sealed with: the one in use, and those before it.

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

/// The name of a key that a rotation has made and not put in place yet.
const NEXT: &str = "next";
/// The name of a key that a rotation has put away; back-ups made before need it.
const RETIRED: &str = "retired";

/// Loads the key, which is made where it is missing and nothing was ever sealed here, and those that
/// rotations left behind; and holds them against what this installation has used before.
///
/// Without a key where passwords are stored the program goes on: checks without a password do, and
/// the others say `secret_unreadable`.
///
/// # Errors
/// A file that is not safe or no key, or a key of another installation.
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

/// Makes a new key, seals every stored password under it, and puts it in the place of the old one,
/// which stays beside it for back-ups. What an interrupted rotation left is taken up again.
///
/// # Errors
/// A key file that cannot be used, or a store that cannot be written: the old key stays in place, and
/// the next call goes on.
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
    // A copy first, so that whenever this ends there is a key under the name that starts look at.
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

/// Looks at the key as a start would, and makes nothing.
///
/// # Errors
/// A file that is not safe or no key. One that is missing is no error: a first start makes it.
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
            info!("a key rotation was begun and not ended: both keys open passwords");
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

/// `health-check.key` and `next` make `health-check.key.next`.
fn beside(path: &Path, name: &str) -> PathBuf {
    let mut file = path.as_os_str().to_owned();
    file.push(".");
    file.push(name);
    PathBuf::from(file)
}

/// Makes the folder of the key where it is missing, for its owner alone.
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

/// Key files are read by calls that block, up to seconds where another process writes one.
async fn blocking(
    path: &Path,
    read: impl FnOnce(&Path) -> Result<Key, KeyFileError> + Send + 'static,
) -> Result<Key, Failure> {
    let path = path.to_owned();
    let read = tokio::task::spawn_blocking(move || read(&path)).await;
    let read = read.map_err(|error| Failure::Io {
        what: "a task that read a key file was ended",
        source: io::Error::other(error),
    })?;
    Ok(read?)
}

//! The clock of other processes.

use std::{
    fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

/// Moves the clock of every process that has its variables, and leaves the time that passes as it is.
#[derive(Debug)]
pub(crate) struct FakeTime {
    folder: TempDir,
    library: PathBuf,
}

impl FakeTime {
    pub(crate) fn new() -> Self {
        let libraries = fs::read_dir("/usr/lib").unwrap();
        let library = |folder: fs::DirEntry| folder.path().join("faketime/libfaketimeMT.so.1");
        let mut libraries = libraries.map(|folder| library(folder.unwrap()));
        let time = Self {
            folder: tempfile::tempdir().unwrap(),
            library: libraries
                .find(|library| library.is_file())
                .expect("libfaketime is missing: scripts/test installs it with apt"),
        };
        // The database's user reads it, too.
        use std::os::unix::fs::PermissionsExt as _;
        let open = fs::Permissions::from_mode(0o755);
        fs::set_permissions(time.folder.path(), open).unwrap();
        time.shift("+0");
        time
    }

    /// Takes effect at once: in place of a write, of which half could be read.
    pub(crate) fn shift(&self, by: &str) {
        let next = self.folder.path().join("next");
        fs::write(&next, by).unwrap();
        fs::rename(next, self.file()).unwrap();
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("shift")
    }

    pub(crate) fn variables<T>(&self, each: impl Fn(&'static str, &Path) -> T) -> Vec<T> {
        let yes = Path::new("1");
        let file = self.file();
        let variables = [
            ("LD_PRELOAD", self.library.as_path()),
            ("FAKETIME_TIMESTAMP_FILE", &file),
            ("FAKETIME_NO_CACHE", yes),
            ("FAKETIME_DONT_FAKE_MONOTONIC", yes),
            ("FAKETIME_DONT_RESET", yes),
        ];
        variables.into_iter().map(|(name, value)| each(name, value)).collect()
    }
}

//! A disk that can be full.

use std::{
    fs::{self, File, Permissions},
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;

/// A file system of a bounded size, in memory. Every user may write to it. Dropping it unmounts it, once
/// nothing uses it any more.
#[derive(Debug)]
pub struct SmallDisk {
    place: TempDir,
}

impl SmallDisk {
    /// Mounts an empty file system with room for this many KiB.
    ///
    /// # Errors
    /// Fails with the message of `mount`, for example because only root may mount.
    pub fn mount(kibibytes: u32) -> io::Result<Self> {
        let place = tempfile::Builder::new().prefix("healthgate-disk").tempdir()?;
        // Other users have to reach what is mounted in it.
        fs::set_permissions(place.path(), Permissions::from_mode(0o755))?;
        let options = format!("size={kibibytes}k,mode=1777");
        run(Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "healthgate"])
            .arg(place.path()))?;
        Ok(Self { place })
    }

    /// Returns the root of the file system.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.place.path()
    }

    /// Takes all room that is free, to the byte.
    ///
    /// # Errors
    /// Fails if the file that takes it cannot be created, or be written for another reason than a full disk.
    pub fn fill(&self) -> io::Result<()> {
        let mut ballast = File::create(self.ballast())?;
        let mut size = 1 << 20;
        let block = vec![0; size];
        while size > 0 {
            match ballast.write(&block[..size]) {
                Err(error) if error.kind() != io::ErrorKind::StorageFull => return Err(error),
                Ok(0) | Err(_) => size /= 2,
                Ok(_) => {}
            }
        }
        Ok(())
    }

    /// Gives back what [`fill`](Self::fill) took.
    ///
    /// # Errors
    /// Fails if it was not called.
    pub fn free(&self) -> io::Result<()> {
        fs::remove_file(self.ballast())
    }

    /// Allows writing or forbids it.
    ///
    /// # Errors
    /// Fails with the message of `mount`, for example because a file is open for writing.
    pub fn set_read_only(&self, read_only: bool) -> io::Result<()> {
        let options = if read_only { "remount,ro" } else { "remount,rw" };
        run(Command::new("mount").args(["-o", options]).arg(self.path())).map(drop)
    }

    fn ballast(&self) -> PathBuf {
        self.path().join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // A failure cannot be reported here.
        let _ = run(Command::new("umount").arg("--lazy").arg(self.path()));
    }
}

fn run(command: &mut Command) -> io::Result<Output> {
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(output);
    }
    Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_takes_nothing_and_a_freed_one_takes_all() {
        let Ok(disk) = SmallDisk::mount(512) else {
            eprintln!("skipped: this user may not mount");
            return;
        };
        let (path, file) = (disk.path().to_owned(), disk.path().join("file"));
        fs::write(&file, [1; 4_096]).expect("there is room");
        disk.fill().expect("filled");
        assert!(fs::write(path.join("more"), [1; 4_096]).is_err(), "the disk is not full");
        disk.free().expect("freed");
        fs::write(path.join("more"), [1; 100_000]).expect("there is room again");
        disk.set_read_only(true).expect("set");
        assert!(fs::write(&file, [2]).is_err(), "it can be written");
        disk.set_read_only(false).expect("set");
        fs::write(&file, [2]).expect("it can be written again");
        drop(disk);
        assert!(!path.exists());
    }
}

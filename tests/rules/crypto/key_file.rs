//! Key files on a real file system.

use std::{
    env, fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use healthgate::crypto::{Key, KeyFile, KeyFileError, OpenCause};
use rustix::{
    fs::{CWD, FileType, Mode, mknodat},
    process::umask,
};
use tempfile::TempDir;

fn directory() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("health-check.key");
    (directory, path)
}

fn write(path: &Path, bytes: &[u8], mode: u32) {
    fs::write(path, bytes).expect("written");
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("mode set");
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("readable");
    entries
        .map(|entry| entry.expect("readable").file_name().into_string().expect("UTF-8"))
        .collect()
}

fn cause(path: &Path) -> OpenCause {
    KeyFile::open(path).expect_err("must be refused").cause()
}

#[test]
fn a_key_is_made_once_with_safe_permissions_and_read_back_the_same() {
    let (directory, path) = directory();
    let made = KeyFile::load_or_create(&path, true).expect("made").id();
    let metadata = fs::metadata(&path).expect("there");
    assert_eq!((metadata.len(), metadata.permissions().mode() & 0o777), (32, 0o600));
    assert_eq!(names(directory.path()), ["health-check.key"]);
    assert_eq!(KeyFile::open(&path).expect("opens").id(), made);
    assert_eq!(KeyFile::load_or_create(&path, true).expect("opens").id(), made);
}

#[test]
fn f71_a_missing_key_is_never_made_anew_where_it_may_not_be() {
    let (directory, path) = directory();
    let error = KeyFile::load_or_create(&path, false).expect_err("must be refused");
    assert!(matches!(error, KeyFileError::Missing { .. }));
    assert_eq!(error.cause(), OpenCause::KeyMissing);
    assert!(names(directory.path()).is_empty());
}

#[test]
fn f72_a_key_of_another_length_is_refused() {
    for length in [0, 31, 33, 64] {
        let (_directory, path) = directory();
        write(&path, &vec![7; length], 0o600);
        assert_eq!(cause(&path), OpenCause::KeyWrongLength, "{length}");
        assert_eq!(fs::read(&path).expect("readable").len(), length, "it is left as it was");
    }
}

#[test]
fn f72_a_key_that_is_still_being_written_is_waited_for() {
    let (_directory, path) = directory();
    write(&path, &[7; 16], 0o600);
    let reader = {
        let path = path.clone();
        thread::spawn(move || KeyFile::open(&path).map(|key| key.id()))
    };
    fs::write(&path, [7; 32]).expect("written");
    let read = reader.join().expect("no panic").expect("a whole key");
    assert_eq!(read, KeyFile::open(&path).expect("opens").id());
}

#[test]
fn f73_permissions_that_let_others_in_are_refused_and_not_mended() {
    for mode in [0o640, 0o644, 0o604, 0o660, 0o601] {
        let (_directory, path) = directory();
        write(&path, &[7; 32], mode);
        assert_eq!(cause(&path), OpenCause::KeyInsecure, "{mode:o}");
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, mode);
    }
    for mode in [0o770, 0o707, 0o777, 0o1777] {
        let (directory, path) = directory();
        write(&path, &[7; 32], 0o600);
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(mode)).expect("set");
        assert_eq!(cause(&path), OpenCause::KeyInsecure, "directory {mode:o}");
        fs::remove_file(&path).expect("removed");
        let error = KeyFile::load_or_create(&path, true).expect_err("must be refused");
        assert_eq!(error.cause(), OpenCause::KeyInsecure, "directory {mode:o}");
        assert!(names(directory.path()).is_empty());
    }
}

#[test]
fn f73_a_key_of_another_owner_is_refused() {
    if !rustix::process::geteuid().is_root() {
        // Only root can give a file away.
        return;
    }
    let (_directory, path) = directory();
    write(&path, &[7; 32], 0o600);
    std::os::unix::fs::chown(&path, Some(65_534), None).expect("given away");
    assert_eq!(cause(&path), OpenCause::KeyInsecure);
}

#[test]
fn f74_whatever_is_no_plain_file_under_one_name_is_refused() {
    let (directory, path) = directory();
    let real = directory.path().join("real");
    write(&real, &[7; 32], 0o600);

    symlink(&real, &path).expect("linked");
    assert!(matches!(KeyFile::open(&path), Err(KeyFileError::NotRegular { .. })));
    fs::remove_file(&path).expect("removed");

    fs::create_dir(&path).expect("made");
    assert!(matches!(KeyFile::open(&path), Err(KeyFileError::NotRegular { .. })));
    fs::remove_dir(&path).expect("removed");

    mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a pipe");
    assert!(matches!(KeyFile::open(&path), Err(KeyFileError::NotRegular { .. })));
    fs::remove_file(&path).expect("removed");

    fs::hard_link(&real, &path).expect("linked");
    assert_eq!(cause(&path), OpenCause::KeyInsecure);
    assert!(KeyFile::open(Path::new("/dev/zero")).is_err());
}

#[test]
fn f77_a_directory_that_cannot_be_written_gives_an_error_and_no_key() {
    let (directory, _) = directory();
    let path = directory.path().join("absent").join("key");
    let error = KeyFile::load_or_create(&path, true).expect_err("must be refused");
    assert_eq!(error.cause(), OpenCause::KeyMissing);
    assert!(names(directory.path()).is_empty());
}

/// Runs a test of this program in a process of its own.
fn child(test: &str, path: &Path) -> Command {
    let mut command = Command::new(env::current_exe().expect("this program"));
    command.args(["--ignored", "--exact", test, "--nocapture"]).env("KEY_PATH", path);
    command
}

fn child_key() -> Key {
    let path = env::var_os("KEY_PATH").expect("given by the parent");
    KeyFile::load_or_create(Path::new(&path), true).expect("made or loaded")
}

#[test]
#[ignore = "a process of f75: it needs the path that its parent gives"]
fn child_loads_or_creates() {
    println!("key={}", child_key().id());
}

#[test]
#[ignore = "a process of f77: it changes the mask of its whole process"]
fn child_creates_under_a_hostile_mask() {
    umask(Mode::from_raw_mode(0o777));
    println!("key={}", child_key().id());
}

#[test]
fn f77_a_hostile_umask_does_not_change_the_mode() {
    let (_directory, path) = directory();
    let output = child("crypto::key_file::child_creates_under_a_hostile_mask", &path)
        .output()
        .expect("it ran");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
    KeyFile::open(&path).expect("opens");
}

#[test]
fn f75_processes_that_start_together_all_load_one_key() {
    let (processes, rounds) =
        if env::var_os("HEALTHGATE_LONG").is_some() { (50, 200) } else { (10, 10) };
    for _ in 0..rounds {
        let (directory, path) = directory();
        let children: Vec<_> = (0..processes)
            .map(|_| {
                let mut command = child("crypto::key_file::child_loads_or_creates", &path);
                command.stdout(std::process::Stdio::piped()).spawn().expect("started")
            })
            .collect();
        let winner = format!("key={}", KeyFile::load_or_create(&path, true).expect("loaded").id());
        for child in children {
            let output = child.wait_with_output().expect("it ran");
            let printed = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(output.status.success() && printed.contains(&winner), "{printed}");
        }
        assert_eq!(names(directory.path()), ["health-check.key"]);
    }
}

/// F261: zeros are no key, such as those of a file that was made large and never filled.
#[test]
fn f261_a_file_of_zeros_is_no_key() {
    let (_directory, path) = directory();
    write(&path, &[0; 32], 0o600);
    for may_create in [false, true] {
        let refused = KeyFile::load_or_create(&path, may_create).expect_err("must be refused");
        assert!(matches!(refused, KeyFileError::NoKey { .. }), "{refused}");
        assert_eq!(refused.cause(), OpenCause::KeyWrongLength);
    }
    let mut bytes = [0; 32];
    bytes[31] = 1;
    write(&path, &bytes, 0o600);
    KeyFile::open(&path).expect("not all are zero");
}

/// F261: whoever owns the key's directory could put another key there. Only root can make such a one for
/// this test.
#[test]
fn f261_a_directory_of_another_user_holds_no_key() {
    let (directory, path) = directory();
    write(&path, b"0123456789abcdef0123456789abcdef", 0o600);
    KeyFile::open(&path).expect("opens");
    if std::os::unix::fs::chown(directory.path(), Some(65_534), None).is_err() {
        return;
    }
    let refused = KeyFile::open(&path).expect_err("must be refused");
    assert!(refused.to_string().contains("belongs to another user"), "{refused}");
    assert_eq!(refused.cause(), OpenCause::KeyInsecure);
}

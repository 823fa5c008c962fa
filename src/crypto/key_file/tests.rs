use super::*;

fn directory() -> tempfile::TempDir {
    // In a directory that others may not change; a temporary one has mode 0700.
    tempfile::tempdir().expect("a temporary directory")
}

/// F76: whatever step a creation stops at, the final name is absent or holds a whole key.
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

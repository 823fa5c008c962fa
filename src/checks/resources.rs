//! Errors from this machine's own limits. They do not describe a target (F194).

use std::io;

use rustix::io::Errno;

/// The message of such an error.
pub(super) const WORDS: &str = "this manager is out of file descriptors or memory, so the \
                                target was not asked: raise its limits";

/// Returns whether an operation failed because file descriptors, buffers or memory ran out.
pub(super) fn are_exhausted(error: &io::Error) -> bool {
    if error.kind() == io::ErrorKind::OutOfMemory {
        return true;
    }
    let exhausted = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    error.raw_os_error().is_some_and(|code| exhausted.iter().any(|one| one.raw_os_error() == code))
}

//! Errors of this machine's own limits, which say nothing of a target (F194).

use std::io;

use rustix::io::Errno;

/// What people read of such an error.
pub(super) const WORDS: &str = "this manager is out of file descriptors or memory, so the \
                                target was not asked: raise its limits";

/// Returns whether an operation failed for want of file descriptors, buffers or memory.
pub(super) fn are_exhausted(error: &io::Error) -> bool {
    if error.kind() == io::ErrorKind::OutOfMemory {
        return true;
    }
    let exhausted = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    error.raw_os_error().is_some_and(|code| exhausted.iter().any(|one| one.raw_os_error() == code))
}

//! Keys in files, and passwords in memory.

mod key_file;
#[cfg(target_os = "linux")]
mod memory;

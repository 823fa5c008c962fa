//! Fuzz targets for everything that healthgate reads from others: agents, web targets, clients, files, rows.
//!
//! A target takes any bytes, makes an input of them, and panics where the library panics or says something else than
//! an independent oracle. The test `replay` runs the committed corpus and seeded mutations of it, and the programs in
//! `fuzz_targets` let libFuzzer choose the inputs. See `docs/fuzzing.md`.

pub mod agent_reply;
pub mod api_body;
pub mod body_search;
pub mod configuration;
pub mod destination;
pub mod envelope;
mod input;
mod json;
mod minutes;
pub mod recurrence;
mod routes;

/// Defines the program of a target: libFuzzer calls it with inputs.
///
/// Without the flag `fuzzing`, which cargo-fuzz sets, the program refuses to run.
#[macro_export]
macro_rules! program {
    ($target:ident) => {
        #[cfg(fuzzing)]
        ::libfuzzer_sys::fuzz_target!(|data: &[u8]| $crate::$target::run(data));

        #[cfg(not(fuzzing))]
        fn main() -> std::process::ExitCode {
            eprintln!("This program was built without libFuzzer. Run scripts/fuzz instead.");
            std::process::ExitCode::FAILURE
        }
    };
}

/// A target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The name of its module, its corpus and its dictionary.
    pub name: &'static str,
    /// Runs it on an input. Panics if the library does something wrong.
    pub run: fn(&[u8]),
}

/// Every target.
pub const TARGETS: [Target; 7] = [
    Target { name: "agent_reply", run: agent_reply::run },
    Target { name: "api_body", run: api_body::run },
    Target { name: "body_search", run: body_search::run },
    Target { name: "configuration", run: configuration::run },
    Target { name: "destination", run: destination::run },
    Target { name: "envelope", run: envelope::run },
    Target { name: "recurrence", run: recurrence::run },
];

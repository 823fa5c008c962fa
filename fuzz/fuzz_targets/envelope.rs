//! The program of the target `envelope`.
#![cfg_attr(fuzzing, no_main)]

healthgate_fuzz::program!(envelope);

//! The program of the target `destination`.
#![cfg_attr(fuzzing, no_main)]

healthgate_fuzz::program!(destination);

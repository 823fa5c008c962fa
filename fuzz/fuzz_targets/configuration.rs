//! The program of the target `configuration`.
#![cfg_attr(fuzzing, no_main)]

healthgate_fuzz::program!(configuration);

//! The program of the target `body_search`.
#![cfg_attr(fuzzing, no_main)]

healthgate_fuzz::program!(body_search);

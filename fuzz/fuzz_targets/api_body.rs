//! The program of the target `api_body`.
#![cfg_attr(fuzzing, no_main)]

healthgate_fuzz::program!(api_body);

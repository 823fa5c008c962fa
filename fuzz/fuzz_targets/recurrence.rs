//! The program of the target `recurrence`.
#![cfg_attr(fuzzing, no_main)]

healthgate_fuzz::program!(recurrence);

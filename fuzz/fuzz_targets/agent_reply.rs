//! The program of the target `agent_reply`.
#![cfg_attr(fuzzing, no_main)]

healthgate_fuzz::program!(agent_reply);

//! The REST API: a router to mount into an application of your own.

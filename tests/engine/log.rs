//! What the library logs.

use std::{
    io,
    sync::{Arc, Mutex},
};

use tracing::{Dispatch, Level, dispatcher, subscriber::NoSubscriber};
use tracing_subscriber::fmt::MakeWriter;

/// What is logged on one thread.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Runs something, and returns what it logs from this level on.
    pub(crate) fn of<T>(level: Level, run: impl FnOnce() -> T) -> (T, Self) {
        let log = Self::default();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(level)
            .with_ansi(false)
            .with_writer(log.clone())
            .finish();
        // While there is one subscriber only, tracing asks that of the thread which comes to a place first whether
        // anybody listens there, and remembers the answer. With a second one it asks all of them.
        let _second = Dispatch::new(NoSubscriber::new());
        let answer = dispatcher::with_default(&Dispatch::new(subscriber), run);
        (answer, log)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }

    pub(crate) fn times(&self, text: &str) -> usize {
        self.text().matches(text).count()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

//! The change feed over `LISTEN` and `NOTIFY`. One connection serves all of a store's subscriptions.

use std::time::Duration;

use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgListener, PgNotification},
};
use tokio::{sync::Mutex, task::JoinHandle, time::timeout};

use super::error::OperationError;
use crate::store::{Feed, StoreError, StoreEvent, Subscription};

/// The delay before the next attempt to listen if the database cannot be reached.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// The silence after which the feed tests the connection. A proxy or firewall can stop forwarding without
/// closing anything (F185).
const SILENCE: Duration = Duration::from_secs(5);
/// The time limit for the connection's answer to the test.
const ANSWER: Duration = Duration::from_secs(5);

/// The listening task. It starts with the first subscription and ends with the store.
#[derive(Debug, Default)]
pub(super) struct Listening {
    feed: Feed,
    task: Mutex<Option<Task>>,
}

#[derive(Debug)]
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Listening {
    /// Creates a subscription that receives every change committed after this returns.
    pub(super) async fn subscribe(
        &self,
        pool: &PgPool,
        server: PgConnectOptions,
        channel: String,
    ) -> Result<Subscription, StoreError> {
        let mut task = self.task.lock().await;
        if task.as_ref().is_none_or(|task| task.0.is_finished()) {
            let source = Source { pool: pool.clone(), server, channel };
            let listener = source.listen().await.map_err(OperationError::from)?;
            *task = Some(Task(tokio::spawn(hear(source, self.feed.clone(), listener))));
        }
        Ok(self.feed.subscribe())
    }
}

/// The parts that the listening task needs.
#[derive(Debug)]
struct Source {
    pool: PgPool,
    server: PgConnectOptions,
    channel: String,
}

impl Source {
    /// Connects and listens. The connection has its own pool: `PgListener` keeps its slot in a pool until
    /// the connection has answered once more, and a silent one never does.
    async fn listen(&self) -> Result<PgListener, sqlx::Error> {
        let own = self.pool.options().clone();
        let own = own.min_connections(0).max_connections(1).acquire_timeout(ANSWER);
        let own = own.connect_lazy_with(self.server.clone());
        let listening = async {
            let mut listener = PgListener::connect_with(&own).await?;
            listener.eager_reconnect(false);
            listener.listen(&self.channel).await?;
            Ok(listener)
        };
        timeout(ANSWER, listening).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
    }
}

async fn hear(source: Source, feed: Feed, listener: PgListener) {
    let work = hear_on(&source, &feed, listener);
    // The application closes the store's pool when it ends.
    let _ = source.pool.close_event().do_until(work).await;
}

async fn hear_on(source: &Source, feed: &Feed, listener: PgListener) {
    let mut listener = Some(listener);
    loop {
        let Some(hearing) = &mut listener else {
            match source.listen().await {
                Ok(again) => {
                    listener = Some(again);
                    // Events sent meanwhile are lost.
                    feed.publish(StoreEvent::Resync);
                }
                Err(error) => {
                    tracing::debug!(%error, "cannot listen for changes");
                    tokio::time::sleep(AGAIN_AFTER).await;
                }
            }
            continue;
        };
        match next(hearing).await {
            Ok(Some(told)) => {
                let event = serde_json::from_str(told.payload());
                // A newer version may send unknown events. Readers reload on a resync.
                feed.publish(event.unwrap_or(StoreEvent::Resync));
            }
            Ok(None) | Err(_) => {
                listener = None;
                feed.publish(StoreEvent::Resync);
            }
        }
    }
}

/// Returns the next notification, or `None` once the connection is lost or no longer answers.
async fn next(listener: &mut PgListener) -> Result<Option<PgNotification>, sqlx::Error> {
    loop {
        if let Ok(told) = timeout(SILENCE, listener.try_recv()).await {
            return told;
        }
        let asked = sqlx::query("select 1").execute(&mut *listener);
        match timeout(ANSWER, asked).await {
            Ok(answered) => answered.map(drop)?,
            Err(_) => return Ok(None),
        }
    }
}

//! The change feed over `LISTEN` and `NOTIFY`: one connection for all of a store's subscriptions.

use std::time::Duration;

use sqlx::{PgPool, postgres::PgListener};
use tokio::{sync::Mutex, task::JoinHandle};

use super::error::translate;
use crate::store::{Feed, StoreError, StoreEvent, Subscription};

/// How long to wait before listening again where the database cannot be reached.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// The task that listens, once somebody has subscribed. It ends with the store.
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
    /// A subscription that misses nothing that is committed after this answers.
    pub(super) async fn subscribe(
        &self,
        pool: &PgPool,
        channel: String,
    ) -> Result<Subscription, StoreError> {
        let mut task = self.task.lock().await;
        if task.as_ref().is_none_or(|task| task.0.is_finished()) {
            let listener = listen(pool, &channel).await.map_err(translate)?;
            let (pool, feed) = (pool.clone(), self.feed.clone());
            *task = Some(Task(tokio::spawn(hear(pool, channel, feed, listener))));
        }
        Ok(self.feed.subscribe())
    }
}

async fn listen(pool: &PgPool, channel: &str) -> Result<PgListener, sqlx::Error> {
    let (pool, channel) = (pool.clone(), channel.to_owned());
    // To its end, like every operation: a connection that has begun to listen must not go back.
    let listening = tokio::spawn(async move {
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.eager_reconnect(false);
        listener.listen(&channel).await?;
        Ok(listener)
    });
    listening.await.unwrap_or_else(|error| Err(sqlx::Error::Io(error.into())))
}

async fn hear(pool: PgPool, channel: String, feed: Feed, listener: PgListener) {
    let mut listener = Some(listener);
    while !pool.is_closed() {
        let Some(hearing) = &mut listener else {
            match listen(&pool, &channel).await {
                Ok(again) => {
                    listener = Some(again);
                    // What was told meanwhile is lost.
                    feed.publish(StoreEvent::Resync);
                }
                Err(error) => {
                    tracing::debug!(%error, "cannot listen for changes");
                    tokio::time::sleep(AGAIN_AFTER).await;
                }
            }
            continue;
        };
        match hearing.try_recv().await {
            Ok(Some(told)) => {
                let event = serde_json::from_str(told.payload());
                // A newer version may tell what is unknown here: whoever shows it reads afresh.
                feed.publish(event.unwrap_or(StoreEvent::Resync));
            }
            Ok(None) | Err(_) => {
                listener = None;
                feed.publish(StoreEvent::Resync);
            }
        }
    }
}

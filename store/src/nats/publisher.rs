//! Tells the bus what this node knows: what waits in the outbox, and that the node is there.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};

use super::bucket::{Bucket, Outcome, Published};
use super::driver::{Pause, fetch};
use super::peers::heartbeat;
use super::{NatsOptions, Shared};
use crate::Document;
use crate::clock::wall_clock;
use crate::mesh::{
    CHUNK, Conflict, Key, Message, Outgoing, Pointer, Publication, chunk_key, chunks_key,
};

/// How often one publication may meet another before it waits for its next turn.
const ATTEMPTS: usize = 8;

/// The tasks of one connection; they end with it.
pub(super) struct Publisher(Vec<JoinHandle<()>>);

impl Drop for Publisher {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

pub(super) fn spawn(shared: Arc<Shared>, bucket: Arc<Bucket>, options: &NatsOptions) -> Publisher {
    let beat = beat(
        Arc::clone(&shared),
        Arc::clone(&bucket),
        format!("h.{}", options.node),
        options.heartbeat,
    );
    let publish = publish(shared, bucket, options.in_flight, options.longest_pause);
    Publisher(vec![tokio::spawn(beat), tokio::spawn(publish)])
}

/// How long the bucket remembers a node that went silent.
const REMEMBERED: Duration = Duration::from_secs(3600);

/// Shows that this node is there. A beat that fails is missed by everyone, which is its purpose.
async fn beat(shared: Arc<Shared>, bucket: Arc<Bucket>, key: String, every: Duration) {
    let mut next = Instant::now();
    loop {
        let applied = shared.node.lock().status().applied;
        let payload = Bytes::copy_from_slice(&heartbeat(applied));
        let _ = bucket.put(&key, payload, Some(REMEMBERED)).await;
        next = (next + every).max(Instant::now());
        sleep_until(next).await;
    }
}

async fn publish(shared: Arc<Shared>, bucket: Arc<Bucket>, most: usize, longest: Duration) {
    let mut pause = Pause::new(longest);
    loop {
        match publish_all(&shared, &bucket, most).await {
            Ok(()) => {
                pause.reset();
                shared.publish.notified().await;
            }
            Err(error) => {
                shared.connection.lock().last_error = Some(error);
                sleep(pause.next()).await;
            }
        }
    }
}

/// One walk through the outbox, `most` publications at a time.
async fn publish_all(shared: &Arc<Shared>, bucket: &Bucket, most: usize) -> Outcome<()> {
    let mut after: Option<Key> = None;
    loop {
        let publications = shared.node.lock().publications(after, most, wall_clock());
        let Some(last) = publications.last() else {
            return Ok(());
        };
        after = Some(last.key);
        let mut under_way: FuturesUnordered<_> = publications
            .into_iter()
            .map(|publication| publish_one(shared, bucket, publication))
            .collect();
        let mut outcome = Ok(());
        while let Some(published) = under_way.next().await {
            outcome = outcome.and(published);
        }
        outcome?;
    }
}

async fn publish_one(
    shared: &Arc<Shared>,
    bucket: &Bucket,
    mut publication: Publication,
) -> Outcome<()> {
    let key = publication.key.to_string();
    let mut replaced = None;
    if let Outgoing::Document(document) = &publication.outgoing {
        let current = bucket.last(&key).await?;
        replaced = current.and_then(|(_, payload)| pointer(publication.key, &payload));
        put_chunks(bucket, document).await?;
    }
    for _ in 0..ATTEMPTS {
        let lifetime = publication.expires.map(|expires| {
            let left = expires
                .milliseconds()
                .saturating_sub(wall_clock().milliseconds());
            Duration::from_millis(u64::try_from(left).unwrap_or(0)).max(Duration::from_secs(1))
        });
        let payload = publication.outgoing.payload();
        let published = bucket.publish(&key, payload, publication.expected, lifetime);
        match published.await? {
            Published::As(revision) => {
                shared.node.lock().published(&publication, revision);
                if let (Outgoing::Document(document), Some(old)) = (&publication.outgoing, replaced)
                    && old != Pointer::to(document)
                {
                    // Nobody points there any more. Left behind, it would only take space.
                    let _ = bucket.purge(&chunks_key(&old)).await;
                }
                return Ok(());
            }
            Published::Conflict => {
                let current = bucket.last(&key).await?;
                replaced = current
                    .as_ref()
                    .and_then(|(_, payload)| pointer(publication.key, payload));
                let current = current
                    .as_ref()
                    .map(|(revision, payload)| (*revision, &payload[..]));
                let conflict = shared.node.lock().conflict(publication, current);
                match conflict {
                    Conflict::Retry(again) => publication = again,
                    Conflict::Fetch(pointer) => return fetch(shared, bucket, &pointer).await,
                    Conflict::Settled | Conflict::Unreadable => return Ok(()),
                }
            }
        }
    }
    Err(format!("`{key}` changes faster than it can be published"))
}

/// Chunks go first: a pointer never leads nowhere.
async fn put_chunks(bucket: &Bucket, document: &Document) -> Outcome<()> {
    let pointer = Pointer::to(document);
    for (number, chunk) in (0_u32..).zip(document.bytes().chunks(CHUNK)) {
        let key = chunk_key(&pointer, number);
        bucket
            .put(&key, Bytes::copy_from_slice(chunk), None)
            .await?;
    }
    Ok(())
}

/// The pointer that a last value is, if it is one.
fn pointer(key: Key, payload: &[u8]) -> Option<Pointer> {
    match Message::decode(key, payload) {
        Ok(Message::Document(pointer)) => Some(pointer),
        _ => None,
    }
}

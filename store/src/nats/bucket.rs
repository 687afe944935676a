//! The bucket on the servers: made if it is missing, read, written against revisions.

use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::pull::OrderedConfig;
use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{DirectGetErrorKind, Republish, Stream};
use async_nats::jetstream::{self, Context, kv};
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::time::timeout;

use super::NatsOptions;
use crate::mesh::Plan;

/// How long the servers may take for one answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// What went wrong, in words: every error leads to a pause and another attempt.
pub(super) type Outcome<T> = Result<T, String>;

pub(super) struct Bucket {
    context: Context,
    stream: Stream,
    prefix: String,
}

/// A message of the bucket, read or heard.
pub(super) struct Item {
    pub(super) revision: u64,
    /// Without the bucket's prefix.
    pub(super) key: String,
    pub(super) payload: Bytes,
}

/// What the servers said to a publication.
pub(super) enum Published {
    As(u64),
    Conflict,
}

impl Bucket {
    /// Opens the bucket, and makes it if this node is the first.
    pub(super) async fn open(client: async_nats::Client, options: &NatsOptions) -> Outcome<Bucket> {
        let mut context = jetstream::new(client);
        context.set_timeout(PATIENCE);
        let name = &options.bucket;
        let stream_name = format!("KV_{name}");
        let stream = match context.get_stream(&stream_name).await {
            Ok(stream) => stream,
            Err(_) => {
                let config = kv::Config {
                    bucket: name.clone(),
                    description: "Highwater registers, last value per key".to_owned(),
                    history: 1,
                    num_replicas: options.replicas,
                    republish: Some(Republish {
                        source: format!("$KV.{name}.>"),
                        destination: format!("{}>", live_prefix(name)),
                        headers_only: false,
                    }),
                    limit_markers: Some(Duration::from_secs(60)),
                    ..kv::Config::default()
                };
                // Another node may make it at the same moment: then it is simply there.
                let made = context.create_key_value(config).await;
                match (context.get_stream(&stream_name).await, made) {
                    (Ok(stream), _) => stream,
                    (Err(_), Err(error)) => return Err(format!("cannot make bucket: {error}")),
                    (Err(error), Ok(_)) => return Err(format!("cannot open bucket: {error}")),
                }
            }
        };
        Ok(Bucket {
            context,
            stream,
            prefix: format!("$KV.{name}."),
        })
    }

    /// What names this very bucket, and its last revision.
    pub(super) async fn state(&self) -> Outcome<(String, u64)> {
        let info = answer(self.stream.get_info()).await?;
        Ok((info.created.to_string(), info.state.last_sequence))
    }

    /// Hands everything that `plan` asks for to `item`, up to revision `last` at least.
    pub(super) async fn read(
        &self,
        plan: Plan,
        last: u64,
        mut item: impl AsyncFnMut(Item),
    ) -> Outcome<()> {
        let deliver_policy = match plan {
            Plan::Full => DeliverPolicy::LastPerSubject,
            Plan::Delta { from } => DeliverPolicy::ByStartSequence {
                start_sequence: from,
            },
        };
        if matches!(plan, Plan::Delta { from } if from > last) || last == 0 {
            return Ok(());
        }
        // Chunks of documents are fetched when a pointer asks for them.
        let config = OrderedConfig {
            deliver_policy,
            filter_subjects: ["r.*", "d.*"]
                .map(|keys| format!("{}{keys}", self.prefix))
                .to_vec(),
            max_batch: 4096,
            ..OrderedConfig::default()
        };
        let mut consumer = answer(self.stream.create_consumer(config)).await?;
        if answer(consumer.info()).await?.num_pending == 0 {
            return Ok(());
        }
        let mut messages = answer(consumer.messages()).await?;
        loop {
            let message = timeout(PATIENCE, messages.next())
                .await
                .map_err(|_| "the bucket stopped answering while it was read".to_owned())?
                .ok_or_else(|| "the bucket ended while it was read".to_owned())?
                .map_err(|error| format!("cannot read the bucket: {error}"))?;
            let (revision, pending) = message
                .info()
                .map(|info| (info.stream_sequence, info.pending))
                .map_err(|error| format!("a message without a revision: {error}"))?;
            if let Some(key) = message.subject.strip_prefix(&self.prefix) {
                let key = key.to_owned();
                let payload = message.payload.clone();
                item(Item {
                    revision,
                    key,
                    payload,
                })
                .await;
            }
            if pending == 0 {
                return Ok(());
            }
        }
    }

    /// The last value of a key and its revision, from the leader: a replica may be behind, and
    /// then every attempt to publish would meet the same conflict.
    pub(super) async fn last(&self, key: &str) -> Outcome<Option<(u64, Bytes)>> {
        use async_nats::jetstream::stream::LastRawMessageErrorKind;
        let subject = format!("{}{key}", self.prefix);
        match timeout(
            PATIENCE,
            self.stream.get_last_raw_message_by_subject(&subject),
        )
        .await
        {
            Err(_) => Err("the bucket does not answer".to_owned()),
            Ok(Ok(message)) => Ok(Some((message.sequence, message.payload))),
            Ok(Err(error)) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
            Ok(Err(error)) => Err(format!("cannot read `{key}`: {error}")),
        }
    }

    /// A value from whichever server is near: for what never changes under its key.
    pub(super) async fn near(&self, key: &str) -> Outcome<Option<Bytes>> {
        let subject = format!("{}{key}", self.prefix);
        match timeout(PATIENCE, self.stream.direct_get_last_for_subject(subject)).await {
            Err(_) => Err("the bucket does not answer".to_owned()),
            Ok(Ok(message)) => Ok(Some(message.payload)),
            Ok(Err(error)) if error.kind() == DirectGetErrorKind::NotFound => Ok(None),
            Ok(Err(error)) => Err(format!("cannot read `{key}`: {error}")),
        }
    }

    /// Makes `payload` the last value, if the key is still at revision `expected`.
    pub(super) async fn publish(
        &self,
        key: &str,
        payload: Vec<u8>,
        expected: u64,
        lifetime: Option<Duration>,
    ) -> Outcome<Published> {
        let mut message = PublishMessage::build()
            .payload(payload.into())
            .expected_last_subject_sequence(expected);
        if let Some(lifetime) = lifetime {
            message = message.ttl(lifetime);
        }
        match self.send(key, message).await {
            Ok(revision) => Ok(Published::As(revision)),
            Err((PublishErrorKind::WrongLastSequence, _)) => Ok(Published::Conflict),
            Err((_, error)) => Err(error),
        }
    }

    /// Makes `payload` the last value, whatever was there.
    pub(super) async fn put(
        &self,
        key: &str,
        payload: Bytes,
        lifetime: Option<Duration>,
    ) -> Outcome<u64> {
        let mut message = PublishMessage::build().payload(payload);
        if let Some(lifetime) = lifetime {
            message = message.ttl(lifetime);
        }
        self.send(key, message).await.map_err(|(_, error)| error)
    }

    /// Removes every value whose key begins with `key` and a dot.
    pub(super) async fn purge(&self, key: &str) -> Outcome<()> {
        let subject = format!("{}{key}.>", self.prefix);
        let purge = self.stream.purge().filter(subject);
        match timeout(PATIENCE, std::future::IntoFuture::into_future(purge)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(format!("cannot remove `{key}`: {error}")),
            Err(_) => Err("the bucket does not answer".to_owned()),
        }
    }

    async fn send(
        &self,
        key: &str,
        message: PublishMessage,
    ) -> Result<u64, (PublishErrorKind, String)> {
        let explain = |error: jetstream::context::PublishError| {
            (error.kind(), format!("cannot publish `{key}`: {error}"))
        };
        let sent = self
            .context
            .send_publish(format!("{}{key}", self.prefix), message)
            .await
            .map_err(explain)?;
        sent.await.map(|ack| ack.sequence).map_err(explain)
    }
}

/// The subject under which the bucket repeats its changes, up to the key.
pub(super) fn live_prefix(bucket: &str) -> String {
    format!("highwater.{bucket}.")
}

/// A live message: its revision is in a header.
pub(super) fn live_item(bucket: &str, message: &async_nats::Message) -> Option<Item> {
    let live = live_prefix(bucket);
    // What follows the destination is the whole subject, bucket included.
    let whole = message.subject.strip_prefix(&live)?;
    let key = whole
        .strip_prefix(&format!("$KV.{bucket}."))
        .unwrap_or(whole);
    let header = |headers: &HeaderMap, name: &str| headers.get(name)?.as_str().parse().ok();
    let revision = header(message.headers.as_ref()?, "Nats-Sequence")?;
    Some(Item {
        revision,
        key: key.to_owned(),
        payload: message.payload.clone(),
    })
}

async fn answer<T, E: std::fmt::Display>(
    request: impl Future<Output = Result<T, E>>,
) -> Outcome<T> {
    match timeout(PATIENCE, request).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(format!("the bucket refuses: {error}")),
        Err(_) => Err("the bucket does not answer".to_owned()),
    }
}

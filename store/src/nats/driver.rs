//! The thread that drives a node over the network.
//!
//! ```text
//! connect ─► subscribe ─► read the bucket ─► hear every live message, join it at once
//!    ▲                      ▲                   │
//!    │                      └── behind, silence ┤    beside it: publish what waits, and a
//!    └────── subscription gone ─────────────────┘    heartbeat now and then
//! ```
//!
//! Subscribing comes before reading: whatever changes meanwhile is heard, and joining twice does
//! no harm.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use async_nats::{Client, ConnectOptions, Event};
use bytes::BytesMut;
use futures_util::StreamExt;
use tokio::time::{Instant, sleep, sleep_until};

use super::bucket::{Bucket, Item, Outcome, live_item, live_prefix};
use super::{NatsError, NatsOptions, Shared, publisher};
use crate::Document;
use crate::clock::wall_clock;
use crate::mesh::{Heard, Key, Pointer, chunk_key};

/// Registers read between two waits for the disk.
const READ_AHEAD: usize = 4096;

pub(super) fn spawn(
    shared: Arc<Shared>,
    options: NatsOptions,
) -> Result<JoinHandle<()>, NatsError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let handle = thread::Builder::new()
        .name("highwater-nats".to_owned())
        .spawn(move || {
            runtime.block_on(async {
                let stopped = shared.stop.notified();
                tokio::select! {
                    () = drive(&shared, &options) => {}
                    () = stopped => {}
                }
            });
        })?;
    Ok(handle)
}

/// Connects again and again, for ever.
async fn drive(shared: &Arc<Shared>, options: &NatsOptions) {
    let mut pause = Pause::new(options.longest_pause);
    loop {
        let Err(error) = session(shared, options, &mut pause).await else {
            continue;
        };
        shared.connection.lock().last_error = Some(error);
        sleep(pause.next()).await;
    }
}

/// One connection. The client reconnects by itself; this ends when it needs a fresh start.
async fn session(shared: &Arc<Shared>, options: &NatsOptions, pause: &mut Pause) -> Outcome<()> {
    let client = connect(shared, options).await?;
    let mut live = client
        .subscribe(format!("{}>", live_prefix(&options.bucket)))
        .await
        .map_err(|error| format!("cannot subscribe: {error}"))?;
    // The servers have it before the bucket is read, or a change between both would be missed.
    client
        .flush()
        .await
        .map_err(|error| format!("cannot reach the servers: {error}"))?;
    let bucket = Bucket::open(client, options).await?;
    synchronise(shared, &bucket).await?;
    pause.reset();

    let bucket = Arc::new(bucket);
    let _publisher = publisher::spawn(Arc::clone(shared), Arc::clone(&bucket), options);
    let mut last_heard = Instant::now();
    let mut reading = Pause::new(options.longest_pause);
    let mut read_again = None::<Instant>;
    let mut connects = shared.connection.lock().connects;
    loop {
        let made = shared.connection.lock().connects;
        if made != connects {
            connects = made;
            shared.node.lock().doubt();
        }
        let quiet_until = read_again.unwrap_or(last_heard + options.silence);
        tokio::select! {
            biased;
            message = live.next() => {
                let Some(message) = message else {
                    return Err("the subscription ended".to_owned());
                };
                last_heard = Instant::now();
                if let Some(item) = live_item(&options.bucket, &message) {
                    if let Some(node) = item.key.strip_prefix("h.") {
                        shared.peers.hear(node, &item.payload, wall_clock());
                    }
                    let key = Key::parse(&item.key);
                    let heard =
                        shared.node.lock().hear(item.revision, key, &item.payload, wall_clock());
                    if let Heard::Fetch(pointer) = heard {
                        // A failure here is a gap like any other: the pointer is read again.
                        if fetch(shared, &bucket, &pointer).await.is_err() {
                            read_again = Some(Instant::now() + reading.next());
                        }
                    }
                }
                if read_again.is_none() && shared.node.lock().is_behind() {
                    read_again = Some(Instant::now());
                }
            }
            () = sleep_until(quiet_until) => {
                match synchronise(shared, &bucket).await {
                    Ok(()) => {
                        reading.reset();
                        read_again = None;
                        last_heard = Instant::now();
                    }
                    Err(error) => {
                        shared.connection.lock().last_error = Some(error);
                        read_again = Some(Instant::now() + reading.next());
                    }
                }
            }
        }
    }
}

async fn connect(shared: &Arc<Shared>, options: &NatsOptions) -> Outcome<Client> {
    let longest = options.longest_pause;
    let watched = Arc::downgrade(shared);
    let mut connecting = ConnectOptions::new()
        .name(format!("highwater {}", options.node))
        .connection_timeout(Duration::from_secs(5))
        .ping_interval(Duration::from_secs(5))
        .subscription_capacity(1 << 16)
        .reconnect_delay_callback(move |attempts| {
            let mut pause = Pause::new(longest);
            for _ in 1..attempts.min(16) {
                pause.next();
            }
            pause.next()
        })
        .event_callback(move |event| {
            let shared = watched.upgrade();
            async move {
                let Some(shared) = shared else { return };
                let mut connection = shared.connection.lock();
                match event {
                    Event::Connected => {
                        connection.is_connected = true;
                        connection.connects += 1;
                    }
                    Event::Disconnected | Event::Closed => connection.is_connected = false,
                    Event::ServerError(error) => connection.last_error = Some(error.to_string()),
                    Event::ClientError(error) => connection.last_error = Some(error.to_string()),
                    _ => {}
                }
            }
        });
    if let Some((user, password)) = &options.user {
        connecting = connecting.user_and_password(user.clone(), password.clone());
    }
    if let Some(path) = &options.credentials {
        connecting = connecting
            .credentials_file(path)
            .await
            .map_err(|error| format!("cannot read `{}`: {error}", path.display()))?;
    }
    if let Some(tls) = &options.tls {
        // The client takes the default of the process, and panics in a process that was built with
        // several and chose none. A host that chose one keeps it.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        connecting = connecting.require_tls(true);
        if let Some(authorities) = &tls.authorities {
            connecting = connecting.add_root_certificates(authorities.clone());
        }
        if let Some((certificate, key)) = &tls.identity {
            connecting = connecting.add_client_certificate(certificate.clone(), key.clone());
        }
    }
    connecting
        .connect(&options.servers[..])
        .await
        .map_err(|error| format!("cannot connect: {error}"))
}

/// Reads what is missing.
async fn synchronise(shared: &Arc<Shared>, bucket: &Bucket) -> Outcome<()> {
    let (name, last) = bucket.state().await?;
    let plan = shared.node.lock().begin(&name, last);
    let mut since_wait = 0;
    let mut failed = None;
    bucket
        .read(plan, last, async |item: Item| {
            let key = Key::parse(&item.key);
            let heard = shared.node.lock().read(item.revision, key, &item.payload);
            match heard {
                Heard::Applied(pending) => {
                    since_wait += 1;
                    if since_wait == READ_AHEAD {
                        // The disk sets the pace. If it refuses, the registers are in force all
                        // the same, and the store says so.
                        since_wait = 0;
                        let _ = pending.await;
                    }
                }
                Heard::Fetch(pointer) => {
                    if let Err(error) = fetch(shared, bucket, &pointer).await {
                        failed = Some(error);
                    }
                }
                Heard::Nothing => {}
            }
        })
        .await?;
    if let Some(error) = failed {
        return Err(error);
    }
    shared.node.lock().finish(last, wall_clock());
    shared.publish.notify_one();
    Ok(())
}

/// Fetches documents and switches to them, or changes nothing.
pub(super) async fn fetch(shared: &Arc<Shared>, bucket: &Bucket, pointer: &Pointer) -> Outcome<()> {
    let mut bytes = BytesMut::new();
    for number in 0..pointer.chunks {
        let key = chunk_key(pointer, number);
        match bucket.near(&key).await? {
            Some(chunk) => bytes.extend_from_slice(&chunk),
            None => return Err(format!("chunk `{key}` is not on the bus, or not yet")),
        }
    }
    let document = Document::new(pointer.tenant.clone(), &bytes[..], pointer.published);
    if document.digest() != pointer.digest {
        return Err(format!(
            "the chunks of `{}` do not match it",
            pointer.digest
        ));
    }
    drop(shared.node.lock().fetched(document));
    Ok(())
}

/// A growing pause, spread at random between half and the whole of it.
pub(super) struct Pause {
    longest: Duration,
    next: Duration,
}

const SHORTEST_PAUSE: Duration = Duration::from_millis(50);

impl Pause {
    pub(super) fn new(longest: Duration) -> Pause {
        Pause {
            longest,
            next: SHORTEST_PAUSE.min(longest),
        }
    }

    pub(super) fn next(&mut self) -> Duration {
        use std::hash::{BuildHasher, RandomState};
        let whole = self.next;
        self.next = (whole * 2).min(self.longest);
        let random = RandomState::new().hash_one(0_u8) % 1000;
        whole.mul_f64(0.5 + random as f64 / 2000.0)
    }

    pub(super) fn reset(&mut self) {
        self.next = SHORTEST_PAUSE.min(self.longest);
    }
}

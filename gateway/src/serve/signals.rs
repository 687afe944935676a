//! Signals of the operating system: SIGTERM and SIGINT stop, SIGHUP reads documents and
//! certificates again.

use std::sync::Arc;

use super::Service;
use super::tls::Tls;
use crate::failure::Failure;

/// Listens to signals until one of them stops the gateway.
///
/// # Errors
/// The operating system does not let us listen.
#[cfg(unix)]
pub(super) fn spawn(service: &Arc<Service>, certificates: Vec<Arc<Tls>>) -> Result<(), Failure> {
    use tokio::signal::unix::{SignalKind, signal};

    let listen = |kind| {
        signal(kind).map_err(|error| Failure::Broken(format!("cannot listen to signals: {error}")))
    };
    let mut terminate = listen(SignalKind::terminate())?;
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut hangup = listen(SignalKind::hangup())?;
    let service = Arc::clone(service);
    let tasks = service.tasks.clone();
    tasks.spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                _ = hangup.recv() => reload(&service, &certificates).await,
                () = service.shutdown.cancelled() => return,
            }
        }
        tracing::info!("told to stop");
        service.shutdown.cancel();
    });
    Ok(())
}

/// Listens to Ctrl-C until it stops the gateway.
///
/// # Errors
/// None.
#[cfg(not(unix))]
pub(super) fn spawn(service: &Arc<Service>, _: Vec<Arc<Tls>>) -> Result<(), Failure> {
    let service = Arc::clone(service);
    let tasks = service.tasks.clone();
    tasks.spawn(async move {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => service.shutdown.cancel(),
            () = service.shutdown.cancelled() => {}
        }
    });
    Ok(())
}

/// Reads everything again that is read again.
#[cfg(unix)]
async fn reload(service: &Arc<Service>, certificates: &[Arc<Tls>]) {
    for tls in certificates {
        if let Err(error) = tls.reload() {
            tracing::error!(%error, "certificate refused; the former one stays");
        }
    }
    if let Some(log) = service.judge.log() {
        log.reopen();
    }
    let service = Arc::clone(service);
    let reloaded = tokio::task::spawn_blocking(move || service.reload_documents()).await;
    match reloaded {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(%error, "documents refused; what was in force stays"),
        Err(error) => tracing::error!(%error, "reading documents ended early"),
    }
}

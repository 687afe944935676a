//! Signals of the operating system: SIGTERM and SIGINT stop, SIGHUP reads documents again.

use std::sync::Arc;

use super::Service;
use crate::failure::Failure;

/// Listens to signals until one of them stops the gateway.
///
/// # Errors
/// The operating system does not let us listen.
#[cfg(unix)]
pub(crate) fn spawn(service: &Arc<Service>) -> Result<(), Failure> {
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
                _ = hangup.recv() => reload(&service).await,
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
pub(crate) fn spawn(service: &Arc<Service>) -> Result<(), Failure> {
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
async fn reload(service: &Arc<Service>) {
    let service = Arc::clone(service);
    let reloaded = tokio::task::spawn_blocking(move || service.reload_documents()).await;
    match reloaded {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(%error, "documents refused; what was in force stays"),
        Err(error) => tracing::error!(%error, "reading documents ended early"),
    }
}

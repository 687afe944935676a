//! Keys of issuers in the background: fetched before the first request needs them, and tokens
//! that are over forgotten.

use std::sync::Arc;
use std::time::Duration;

use super::Service;

/// How often tokens that are over are swept out of memory.
const SWEEP: Duration = Duration::from_secs(60);
/// The longest pause between attempts to fetch the first keys.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Starts both, if tokens are accepted at all.
pub(super) fn spawn(service: &Arc<Service>) {
    if service.judge.validator().is_none() {
        return;
    }
    let first = Arc::clone(service);
    service.tasks.spawn(
        service
            .shutdown
            .clone()
            .run_until_cancelled_owned(async move {
                fetch_first(&first).await;
            }),
    );
    let swept = Arc::clone(service);
    service.tasks.spawn(
        service
            .shutdown
            .clone()
            .run_until_cancelled_owned(async move {
                loop {
                    tokio::time::sleep(SWEEP).await;
                    if let Some(validator) = swept.judge.validator() {
                        validator.forget_expired(swept.now());
                    }
                }
            }),
    );
}

/// Until every issuer has keys. Afterwards the validator keeps them fresh.
async fn fetch_first(service: &Service) {
    let Some(validator) = service.judge.validator() else {
        return;
    };
    let mut pause = Duration::from_secs(1);
    while let Err(failures) = validator.fetch_keys(service.now()).await {
        for (issuer, error) in failures {
            tracing::warn!(%issuer, %error, "keys cannot be fetched");
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

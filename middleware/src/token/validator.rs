//! The validator: everything about tokens behind one handle that requests share.
//!
//! # Consistency
//!
//! A token that is found in the cache was verified with a key that is published now: a fetch that
//! loses a key counts up, and whoever sees another count than at verification looks for the key
//! again. Policies published since are taken up by [`Engine::refreshed`].

use std::sync::Arc;

use highwater::engine::Engine;
use highwater::timestamp::Timestamp;
use highwater::token::VerifiedToken;

use super::cache::{Digest, Entry, TokenCache, digest};
use super::error::{TokenError, TokenErrorKind};
#[cfg(feature = "discovery")]
use super::fetch::{self, Fetcher, KeyFetchError};
use super::issuer::{AcceptedIssuer, Authorization, IssuerError, KeySource};
use super::keys::{IssuerKeys, KeyStatus};
use super::verify::{Unverified, shown};

/// Verifies access tokens, and remembers those that it has verified.
///
/// A token that is known costs one digest and one look-up. A new one costs its signature. One
/// that is refused costs what it takes to find out, the cheapest first, and is not remembered.
///
/// The clock of every call is that of the caller; the tolerance between clocks is the engine's
/// `skew`.
#[derive(Debug)]
pub struct TokenValidator {
    engine: Arc<Engine>,
    issuers: Vec<Issuer>,
    cache: Arc<TokenCache>,
    nobody: Arc<Authorization>,
}

#[derive(Debug)]
struct Issuer {
    accepted: AcceptedIssuer,
    authorization: Arc<Authorization>,
    keys: Arc<IssuerKeys>,
}

/// Builds a [`TokenValidator`].
#[derive(Debug)]
#[must_use]
pub struct TokenValidatorBuilder {
    engine: Arc<Engine>,
    issuers: Vec<AcceptedIssuer>,
    cache_bytes: u64,
}

impl TokenValidatorBuilder {
    /// Accepts tokens of one more issuer. The first whose pattern fits a token's issuer counts.
    pub fn issuer(mut self, issuer: AcceptedIssuer) -> Self {
        self.issuers.push(issuer);
        self
    }

    /// How much memory verified tokens may take, in bytes. Default 64 MiB, about 25,000 tokens.
    pub const fn cache_bytes(mut self, bytes: u64) -> Self {
        self.cache_bytes = bytes;
        self
    }

    /// The validator. Nothing is fetched yet.
    ///
    /// # Errors
    /// No issuer, an issuer twice, or keys from a place that cannot be trusted.
    pub fn build(self) -> Result<TokenValidator, IssuerError> {
        #[cfg(feature = "discovery")]
        let client = fetch::client()
            .map_err(|error| IssuerError::new("*", format!("no HTTP client for keys: {error}")))?;
        let mut issuers: Vec<Issuer> = Vec::with_capacity(self.issuers.len());
        for accepted in self.issuers {
            let twice = issuers
                .iter()
                .any(|other| other.accepted.profile.issuer == accepted.profile.issuer);
            if twice {
                return Err(IssuerError::new(
                    &accepted.profile.issuer,
                    "it is accepted twice; the second would never be asked",
                ));
            }
            let keys = issuer_keys(
                &accepted,
                #[cfg(feature = "discovery")]
                &client,
            )?;
            issuers.push(Issuer {
                authorization: Arc::new(accepted.authorization()),
                keys: Arc::new(keys),
                accepted,
            });
        }
        let Some(first) = issuers.first() else {
            return Err(IssuerError::new(
                "*",
                "no issuer is accepted, so every token would be refused",
            ));
        };
        Ok(TokenValidator {
            nobody: Arc::clone(&first.authorization),
            engine: self.engine,
            issuers,
            cache: Arc::new(TokenCache::new(self.cache_bytes)),
        })
    }
}

#[cfg(feature = "discovery")]
fn issuer_keys(
    accepted: &AcceptedIssuer,
    client: &reqwest::Client,
) -> Result<IssuerKeys, IssuerError> {
    let profile = &accepted.profile;
    let fetcher = match &accepted.keys {
        KeySource::Fixed(set) => return Ok(IssuerKeys::fixed(set.clone())),
        KeySource::Jwks(url) => Fetcher::jwks(client, url),
        KeySource::Discovery(url) => Fetcher::discovery(client, url.as_deref(), profile),
    };
    let fetcher = fetcher.map_err(|message| IssuerError::new(&profile.issuer, message))?;
    Ok(IssuerKeys::fetched(fetcher, accepted.refresh))
}

#[cfg(not(feature = "discovery"))]
#[expect(clippy::unnecessary_wraps, reason = "fetched keys can fail")]
fn issuer_keys(accepted: &AcceptedIssuer) -> Result<IssuerKeys, IssuerError> {
    let KeySource::Fixed(set) = &accepted.keys;
    Ok(IssuerKeys::fixed(set.clone()))
}

impl TokenValidator {
    /// A validator for tokens that `engine` decides about.
    pub fn builder(engine: Arc<Engine>) -> TokenValidatorBuilder {
        TokenValidatorBuilder {
            engine,
            issuers: Vec::new(),
            cache_bytes: 64 * 1024 * 1024,
        }
    }

    /// The engine that decides about the tokens.
    #[must_use]
    pub const fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// Where to get a token, for requests that have none: the first issuer's place.
    #[must_use]
    pub fn authorization(&self) -> &Authorization {
        &self.nobody
    }

    /// Verifies `token` with the keys that are known, without ever waiting.
    ///
    /// # Errors
    /// Why it is refused. With keys that are fetched, an unknown key may be known after
    /// [`TokenValidator::validate`].
    pub fn validate_with_known_keys(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<Arc<VerifiedToken>, TokenError> {
        self.attempt(token, now).map_err(|(error, _)| error)
    }

    /// Verifies `token`; waits for its issuer's keys if they do not have its key, at most for one
    /// fetch, and only if one is allowed or under way and fewer than 1,024 others wait.
    ///
    /// # Errors
    /// Why it is refused.
    #[cfg(feature = "discovery")]
    pub async fn validate(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<Arc<VerifiedToken>, TokenError> {
        match self.attempt(token, now) {
            Ok(verified) => Ok(verified),
            Err((error, issuer)) => {
                let Some(issuer) = issuer.filter(|_| error.is_about_keys()) else {
                    return Err(error);
                };
                self.fetch_keys_of(issuer, now).await.ok();
                self.validate_with_known_keys(token, now)
            }
        }
    }

    /// Fetches the keys of every issuer that is due, so that the first request need not wait.
    ///
    /// # Errors
    /// The issuers whose keys could not be fetched, each with the reason.
    #[cfg(feature = "discovery")]
    pub async fn fetch_keys(&self, now: Timestamp) -> Result<(), Vec<(String, KeyFetchError)>> {
        let mut failures = Vec::new();
        for (index, issuer) in self.issuers.iter().enumerate() {
            if let Err(error) = self.fetch_keys_of(index, now).await {
                failures.push((issuer.accepted.profile.issuer.clone(), error));
            }
        }
        if failures.is_empty() {
            Ok(())
        } else {
            Err(failures)
        }
    }

    #[cfg(feature = "discovery")]
    async fn fetch_keys_of(&self, issuer: usize, now: Timestamp) -> Result<(), KeyFetchError> {
        fetch_and_tell(
            &self.issuers[issuer].keys,
            &self.cache,
            issuer,
            now,
            &self.issuers[issuer].accepted.profile.issuer,
        )
        .await
    }

    /// What is known about the keys of each issuer.
    pub fn key_status(&self) -> impl Iterator<Item = KeyStatus> + '_ {
        self.issuers.iter().map(|issuer| KeyStatus {
            issuer: issuer.accepted.profile.issuer.clone(),
            keys: issuer.keys.len(),
            unreachable: issuer.keys.is_unreachable(),
        })
    }

    /// How many verified tokens are remembered.
    #[must_use]
    pub fn cached_tokens(&self) -> usize {
        self.cache.len()
    }

    /// About how much memory they take, in bytes.
    #[must_use]
    pub fn cached_bytes(&self) -> u64 {
        self.cache.weight()
    }

    /// Forgets tokens that are over. They are never accepted anyway; this only frees memory.
    pub fn forget_expired(&self, now: Timestamp) {
        self.cache.retain(|entry| now < entry.until);
    }

    /// The token, or why not and whose keys were asked.
    fn attempt(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<Arc<VerifiedToken>, (TokenError, Option<usize>)> {
        let digest = digest(token);
        if let Some(entry) = self.cache.find(&digest) {
            if now >= entry.until {
                self.cache.remove(&digest);
                let authorization = &self.issuers[entry.issuer].authorization;
                let error = TokenError::of_issuer(TokenErrorKind::Expired, authorization);
                return Err((error, None));
            }
            self.keep_fresh(entry.issuer, now);
            if let Some(known) = self.known(&digest, &entry) {
                return Ok(known);
            }
        }
        let unverified = Unverified::parse(token).map_err(|kind| (kind.into(), None))?;
        let name = unverified.issuer();
        let found = self
            .issuers
            .iter()
            .position(|issuer| issuer.accepted.profile.matches(name));
        let Some(index) = found else {
            let name = shown(name);
            let kind = TokenErrorKind::Issuer(format!("the issuer `{name}` is not accepted"));
            return Err((kind.into(), None));
        };
        self.keep_fresh(index, now);
        self.verify(&digest, token, &unverified, index, now)
            .map_err(|kind| {
                let authorization = &self.issuers[index].authorization;
                (TokenError::of_issuer(kind, authorization), Some(index))
            })
    }

    /// The token of a cache entry, if its key is still published, prepared for what the engine
    /// has published since.
    fn known(&self, digest: &Digest, entry: &Arc<Entry>) -> Option<Arc<VerifiedToken>> {
        let keys = &self.issuers[entry.issuer].keys;
        if entry.losses != keys.losses() && !keys.has(&entry.key) {
            self.cache.remove(digest);
            return None;
        }
        match self.engine.refreshed(&entry.token) {
            None => Some(Arc::clone(&entry.token)),
            Some(fresh) => {
                let fresh = entry.with_token(fresh);
                let token = Arc::clone(&fresh.token);
                self.cache.insert(*digest, fresh);
                Some(token)
            }
        }
    }

    fn verify(
        &self,
        digest: &Digest,
        token: &str,
        unverified: &Unverified<'_>,
        index: usize,
        now: Timestamp,
    ) -> Result<Arc<VerifiedToken>, TokenErrorKind> {
        let Issuer { accepted, keys, .. } = &self.issuers[index];
        let skew = self.engine.settings().skew;
        let facts = unverified.check(accepted, now, skew)?;
        // Read before the keys: if one is lost in between, the entry is asked again.
        let losses = keys.losses();
        let verified = keys.with(|set| match set {
            None => Err(TokenErrorKind::KeysUnavailable),
            Some(set) => unverified.verify(facts, &accepted.profile, set),
        });
        let verified = match verified {
            Err(TokenErrorKind::UnknownKey(_)) if keys.is_unreachable() => {
                return Err(TokenErrorKind::KeysUnavailable);
            }
            other => other?,
        };
        // The signature, the issuer, the audience and the algorithm were checked above: this is
        // the one place of the crate that vouches.
        let prepared = self.engine.token(verified.facts);
        let entry = Entry::new(prepared, skew, index, verified.key, losses, token);
        let prepared = Arc::clone(&entry.token);
        self.cache.insert(*digest, entry);
        Ok(prepared)
    }

    /// Has old keys fetched again, beside the requests.
    #[cfg(feature = "discovery")]
    fn keep_fresh(&self, index: usize, now: Timestamp) {
        let issuer = &self.issuers[index];
        // Without keys the request itself waits for them.
        if issuer.keys.len() == 0 || !issuer.keys.take_due(now) {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let (keys, cache) = (Arc::clone(&issuer.keys), Arc::clone(&self.cache));
        let name = issuer.accepted.profile.issuer.clone();
        runtime.spawn(async move {
            fetch_and_tell(&keys, &cache, index, now, &name).await.ok();
        });
    }

    #[cfg(not(feature = "discovery"))]
    #[expect(
        clippy::unused_self,
        reason = "with fetched keys there is something to do"
    )]
    fn keep_fresh(&self, _: usize, _: Timestamp) {}
}

#[cfg(feature = "discovery")]
async fn fetch_and_tell(
    keys: &Arc<IssuerKeys>,
    cache: &Arc<TokenCache>,
    index: usize,
    now: Timestamp,
    issuer: &str,
) -> Result<(), KeyFetchError> {
    let result = keys.fetch(now, cache, index).await;
    if let Err(error) = &result {
        tracing::warn!(issuer, %error, "keys cannot be fetched; those that are known go on");
    }
    result
}

//! Which tokens are accepted, from the configuration.

use std::path::Path;
use std::sync::Arc;

use highwater::engine::Engine;
use highwater::token::IssuerProfiles;
use highwater_signals::set::KeySet;
use highwater_tower::token::{AcceptedIssuer, KeySource, TokenValidator};

use crate::config::Configuration;
use crate::config::issuer::{KeyPlace, Keys};
use crate::failure::Failure;
use crate::input::read;

/// The validator; `None` if no audience is configured, so that no token can be for us.
///
/// # Errors
/// Issuers that cannot be accepted as they are configured.
pub(super) fn validator(
    configuration: &Configuration,
    engine: &Arc<Engine>,
) -> Result<Option<TokenValidator>, Failure> {
    let refuse = |error: highwater_tower::token::IssuerError| Failure::Input(error.to_string());
    let section = &configuration.token;
    let mut builder = TokenValidator::builder(Arc::clone(engine));
    if let Some(bytes) = section.cache_bytes {
        builder = builder.cache_bytes(bytes);
    }
    let mut is_empty = true;
    let mut accepted = Vec::new();
    if configuration.issuers.is_empty() {
        accepted.extend(IssuerProfiles::entra().map(|profile| (profile, None)));
    } else {
        for issuer in &configuration.issuers {
            accepted.push((issuer.profile(), Some(issuer.keys()?)));
        }
    }
    for (profile, keys) in accepted {
        let own = keys.as_ref().and_then(|keys| keys.audiences);
        let audiences = own.unwrap_or(&section.audiences);
        if audiences.is_empty() {
            if configuration.serve.decides() {
                tracing::error!(
                    issuer = profile.issuer,
                    "no audience is configured, so its tokens are refused; say `[token] audiences`"
                );
            }
            continue;
        }
        let source = source(keys, &configuration.folder)?;
        let mut issuer = AcceptedIssuer::new(profile, source, audiences).map_err(refuse)?;
        if let Some(algorithms) = &section.algorithms {
            issuer = issuer.with_algorithms(algorithms.clone());
        }
        if let Some(token_type) = section.token_type {
            issuer = issuer.with_token_type(token_type);
        }
        builder = builder.issuer(issuer);
        is_empty = false;
    }
    if is_empty {
        return Ok(None);
    }
    builder.build().map(Some).map_err(refuse)
}

fn source(keys: Option<Keys<'_>>, folder: &Path) -> Result<KeySource, Failure> {
    Ok(match keys.map(|keys| keys.place) {
        None | Some(KeyPlace::Discovery(None)) => KeySource::Discovery(None),
        Some(KeyPlace::Discovery(Some(url))) => KeySource::Discovery(Some(url.to_owned())),
        Some(KeyPlace::Jwks(url)) => KeySource::Jwks(url.to_owned()),
        Some(KeyPlace::File(file)) => {
            let path = folder.join(file);
            let set = KeySet::parse(&read(&path)?)
                .map_err(|error| Failure::Input(format!("`{}`: {error}", path.display())))?;
            if set.is_empty() {
                return Err(Failure::Input(format!(
                    "`{}`: there is no key in it that could verify a token",
                    path.display()
                )));
            }
            KeySource::Fixed(set)
        }
    })
}

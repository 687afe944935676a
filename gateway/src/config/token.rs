//! `[token]`: which access tokens are accepted.

use highwater_signals::set::Algorithm;
use highwater_tower::token::TokenType;
use serde::Deserialize;

/// `[token]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct TokenSection {
    /// For whom tokens must be: one of these in `aud`. Without any, every token is refused.
    pub(crate) audiences: Vec<String>,
    /// Accepted algorithms. Default: RS256, PS256, ES256, EdDSA.
    pub(crate) algorithms: Option<Vec<Algorithm>>,
    /// Accepted media types. Default: any usual one.
    #[serde(rename = "typ")]
    pub(crate) token_type: Option<TokenType>,
    /// Memory for verified tokens, in bytes. Default 64 MiB.
    pub(crate) cache_bytes: Option<u64>,
}

//! Continuous access evaluation for Rust services: who is calling, from where, and may they
//! still.
//!
//! [`HighwaterLayer`] is all that most services need. It is made of what stands between an HTTP
//! request and a decision of the engine, each part usable alone: [`client_address`] tells which
//! address to believe, [`token`] which token, [`answer`] what to answer.
//!
#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

// In the order in which a request passes.
pub mod client_address;
pub mod token;

pub mod answer;
mod layer;
mod service;

pub use layer::{Access, HighwaterLayer, HighwaterLayerBuilder, PeerAddress};
pub use service::{Highwater, ResponseBody, ResponseFuture};

/// Handles are shared by every thread of a server.
#[cfg(test)]
mod tests {
    use super::*;

    const fn shared<T: Send + Sync>() {}

    #[test]
    fn handles_are_shared_between_threads() {
        shared::<client_address::ClientAddressRule>();
        shared::<token::TokenValidator>();
        shared::<token::TokenError>();
        shared::<answer::Answer>();
        shared::<HighwaterLayer>();
        shared::<Highwater<()>>();
        shared::<Access>();
    }
}

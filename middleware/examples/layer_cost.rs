//! What the layer costs per request, with a token that is known: the same service with and
//! without it, in turns, on one thread.
//!
//! `cargo run --release -p highwater-tower --example layer_cost`

#![allow(clippy::unwrap_used, reason = "a measurement on keys of its own")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::hint::black_box;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::Bytes;
use highwater::engine::Engine;
use highwater::model::TenantModel;
use highwater::settings::{EngineSettings, TenantSettings};
use highwater::timestamp::Timestamp;
use highwater::token::IssuerProfile;
use highwater_signals::set::KeySet;
use highwater_tower::token::{AcceptedIssuer, KeySource, TokenValidator};
use highwater_tower::{HighwaterLayer, PeerAddress};
use http::{Request, Response};
use http_body_util::Full;
use serde_json::json;
use support::{AUDIENCE, ISSUER, NOW, SigningKey, claims, jwks};
use tower::{Layer, Service};

const TOKENS: usize = 1024;
const ROUNDS: usize = 9;
const CALLS: usize = 100_000;

/// A service that answers at once.
#[derive(Clone)]
struct Floor;

impl Service<Request<()>> for Floor {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        black_box(&request);
        ready(Ok(Response::new(Full::default())))
    }
}

fn request(token: &str) -> Request<()> {
    let mut request = Request::get("https://orders.example/orders/1")
        .header("authorization", format!("Bearer {token}"))
        .header("user-agent", "example/1.0")
        .header("accept", "application/json")
        .header("x-forwarded-for", "203.0.113.7, 10.0.0.2")
        .body(())
        .unwrap();
    let peer = "10.0.0.1".parse().unwrap();
    request.extensions_mut().insert(PeerAddress(peer));
    request
}

/// Nanoseconds per call. Making the request is part of both.
fn time<S>(service: &mut S, requests: &[Request<()>]) -> f64
where
    S: Service<Request<()>, Error = Infallible>,
    S::Response: Status,
{
    let mut context = Context::from_waker(Waker::noop());
    let started = Instant::now();
    for index in 0..CALLS {
        let request = requests[index * 577 % requests.len()].clone();
        assert!(service.poll_ready(&mut context).is_ready());
        let future = pin!(service.call(request));
        match future.poll(&mut context) {
            Poll::Ready(Ok(response)) => assert_eq!(response.status(), 200),
            _ => panic!("the answer is not there at once"),
        }
    }
    started.elapsed().as_secs_f64() * 1e9 / CALLS as f64
}

trait Status {
    fn status(&self) -> u16;
}

impl<B> Status for Response<B> {
    fn status(&self) -> u16 {
        Response::status(self).as_u16()
    }
}

fn main() {
    let engine = Arc::new(Engine::new(EngineSettings::default()));
    engine
        .publish(
            ISSUER.parse().unwrap(),
            &TenantModel::default(),
            TenantSettings::default(),
        )
        .unwrap();
    let key = SigningKey::new("EdDSA", "k");
    let keys = KeySource::Fixed(KeySet::from_value(&jwks(&[&key])).unwrap());
    let issuer = AcceptedIssuer::new(IssuerProfile::generic(ISSUER), keys, [AUDIENCE]).unwrap();
    let validator = TokenValidator::builder(engine)
        .issuer(issuer)
        .build()
        .unwrap();
    let rule = json!({"trusted_proxies": ["10.0.0.0/8"]});
    let layer = HighwaterLayer::builder(validator)
        .client_address(serde_json::from_value(rule).unwrap())
        .clock(|| Timestamp::from_seconds(NOW))
        .build();
    // As long as the tokens that Entra issues: about 1.6 kB.
    let padding = "x".repeat(1000);
    let requests: Vec<Request<()>> = (0..TOKENS)
        .map(|id| key.token(&claims(&json!({"jti": id.to_string(), "x": padding}))))
        .map(|token| request(&token))
        .collect();

    let (mut with, mut without) = (layer.layer(Floor), Floor);
    time(&mut with, &requests);
    let mut rounds: Vec<(f64, f64)> = (0..ROUNDS)
        .map(|_| (time(&mut with, &requests), time(&mut without, &requests)))
        .collect();
    rounds.sort_by(|one, other| (one.0 - one.1).total_cmp(&(other.0 - other.1)));
    let (with, without) = rounds[ROUNDS / 2];
    println!(
        "{TOKENS} known tokens of {} bytes, {CALLS} calls a round, the median of {ROUNDS} rounds",
        requests[0].headers()["authorization"].len()
    );
    println!("with the layer    {with:>8.0} ns");
    println!("without           {without:>8.0} ns");
    println!("the layer alone   {:>8.0} ns", with - without);
}

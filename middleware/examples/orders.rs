//! An axum service behind Highwater, with a demo issuer of its own so that it runs as it is.
//!
//! `cargo run -p highwater-tower --example orders`, then follow what it prints.

#![allow(clippy::unwrap_used, reason = "an example")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::ConnectInfo;
use axum::routing::{get, post};
use axum::{Extension, Router};
use highwater::engine::Engine;
use highwater::event::Event;
use highwater::model::TenantModel;
use highwater::settings::{EngineSettings, TenantSettings};
use highwater::token::IssuerProfile;
use highwater_signals::set::KeySet;
use highwater_tower::token::{AcceptedIssuer, KeySource, TokenValidator};
use highwater_tower::{Access, HighwaterLayer};
use serde_json::json;
use support::{AUDIENCE, ISSUER, SigningKey, claims, jwks};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let engine = Arc::new(Engine::new(EngineSettings::default()));
    engine.publish(
        ISSUER.parse()?,
        &TenantModel::default(),
        TenantSettings::default(),
    )?;

    let key = SigningKey::new("ES256", "demo");
    let keys = KeySource::Fixed(KeySet::from_value(&jwks(&[&key]))?);
    let issuer = AcceptedIssuer::new(IssuerProfile::generic(ISSUER), keys, [AUDIENCE])?;
    let validator = TokenValidator::builder(Arc::clone(&engine))
        .issuer(issuer)
        .build()?;
    let layer = HighwaterLayer::builder(validator)
        .peer(|extensions| Some(extensions.get::<ConnectInfo<SocketAddr>>()?.0.ip()))
        .build();

    let app = Router::new()
        .route("/orders", get(orders))
        // Whoever reads may read; whoever orders must have authenticated in context c1.
        .route_layer(layer.clone())
        .route(
            "/orders",
            post(orders).route_layer(layer.with_authentication_context("c1")),
        )
        .route(
            "/revoke",
            post(move || async move {
                let event = json!({"time": now(), "tenant": ISSUER, "subject": {"user": "ada"},
                    "effect": "revoke", "source": "example"});
                let applied =
                    Event::from_json(&event.to_string()).map(|event| engine.apply(&event));
                format!("{applied:?}\n")
            }),
        );

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let token = key.token(&claims(
        &json!({"iat": now() - 5, "nbf": now() - 5, "exp": now() + 3600}),
    ));
    println!("token='{token}'");
    println!("curl -i http://{address}/orders                                  # 401: no token");
    println!("curl -i -H \"Authorization: Bearer $token\" http://{address}/orders   # 200");
    println!(
        "curl -i -X POST -H \"Authorization: Bearer $token\" http://{address}/orders   # 403: context c1"
    );
    println!("curl -X POST http://{address}/revoke");
    println!(
        "curl -i -H \"Authorization: Bearer $token\" http://{address}/orders   # 401: revoked"
    );
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).await?;
    Ok(())
}

async fn orders(Extension(access): Extension<Access>) -> String {
    format!("orders of {}\n", access.token.facts().subject)
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}

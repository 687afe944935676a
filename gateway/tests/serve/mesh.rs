//! Several gateways over one bus: what one of them is told, all of them refuse.

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use crate::gateway::{Gateway, until};
use crate::issuer::{Issuer, now};
use crate::server::{self, Server};

const TOKEN: &str = "correct horse battery staple";

fn node(issuer: &Issuer, name: &str, bus: &Server) -> Gateway {
    let url = bus.url();
    issuer.gateway_with(
        &format!(
            "[store.nats]\nservers = [\"{url}\"]\nnode = \"{name}\"\nstale_after = \"3s\"\n\
             [[serve.listener]]\nkind = \"decisions\"\naddress = \"127.0.0.1:0\"\nfail = \"closed\"\n\
             [[serve.listener]]\nkind = \"admin\"\naddress = \"127.0.0.1:0\"\ntoken_file = \"token\"\n"
        ),
        &[("token", TOKEN)],
    )
}

async fn decision(gateway: &Gateway, token: &str) -> StatusCode {
    let request = Client::new()
        .get(gateway.url("decisions", "/decide"))
        .header("x-forwarded-for", "203.0.113.7")
        .bearer_auth(token);
    request.send().await.unwrap().status()
}

/// Revokes a user there; the order is durable.
async fn revoke(gateway: &Gateway, user: &str) {
    let answer = Client::new()
        .post(gateway.url("admin", "/admin/revoke"))
        .bearer_auth(TOKEN)
        .json(&json!({"tenant": "contoso", "subject": {"user": user}, "effect": "revoke"}))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
}

/// Whether the gateway knows what the others know, by `/readyz`.
async fn follows(gateway: &Gateway) -> bool {
    let answer = reqwest::get(gateway.url("decisions", "/readyz"))
        .await
        .unwrap();
    let readiness: Value = answer.json().await.unwrap();
    let parts = readiness["parts"].as_array().unwrap();
    let store = parts.iter().find(|part| part["part"] == "store").unwrap();
    store["ready"] == true
}

#[tokio::test]
async fn what_one_gateway_is_told_all_refuse_also_after_the_bus_was_away() {
    let Some(program) = server::program() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut bus = Server::start(&program, folder.path(), &[]);
    let issuer = Issuer::new();
    let nodes = [node(&issuer, "a", &bus), node(&issuer, "b", &bus)];
    for node in &nodes {
        until(async || follows(node).await).await;
    }
    let token = |user: &str| {
        issuer.token(json!({"oid": user, "sub": user, "sid": user, "jti": user, "iat": now() - 10}))
    };
    let (ada, bob) = (token("ada"), token("bob"));
    assert_eq!(decision(&nodes[1], &ada).await, StatusCode::OK);
    revoke(&nodes[0], "ada").await;
    until(async || decision(&nodes[1], &ada).await == StatusCode::UNAUTHORIZED).await;

    bus.kill();
    for node in &nodes {
        until(async || !follows(node).await).await;
        assert_eq!(decision(node, &bob).await, StatusCode::OK);
    }
    revoke(&nodes[1], "bob").await;
    assert_eq!(decision(&nodes[1], &bob).await, StatusCode::UNAUTHORIZED);
    assert_eq!(decision(&nodes[0], &bob).await, StatusCode::OK);

    bus.resume();
    until(async || decision(&nodes[0], &bob).await == StatusCode::UNAUTHORIZED).await;
    for node in &nodes {
        until(async || follows(node).await).await;
    }
}

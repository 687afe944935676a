//! Starting, stopping, reloading, and what monitoring sees.

use reqwest::StatusCode;
use rustix::process::Signal;
use serde_json::Value;

use crate::gateway::{Gateway, OFFICE_ONLY, until};
use crate::issuer::{CONFIGURATION, Issuer};

async fn ready(gateway: &Gateway) -> (StatusCode, Value) {
    let answer = reqwest::get(gateway.url("decisions", "/readyz"))
        .await
        .unwrap();
    (answer.status(), answer.json().await.unwrap())
}

#[tokio::test]
async fn a_gateway_that_only_takes_events_needs_no_keys() {
    let gateway = Gateway::start(
        "[[tenant]]\nid = \"contoso\"\ndocuments = [\"office.json\"]\n\
         [[serve.listener]]\nkind = \"intake\"\naddress = \"127.0.0.1:0\"\n\
         [[serve.listener]]\nkind = \"admin\"\naddress = \"127.0.0.1:0\"\ntoken_file = \"token\"\n",
        &[
            ("office.json", OFFICE_ONLY),
            ("token", "a secret of operators"),
        ],
    );
    let answer = reqwest::get(gateway.url("admin", "/readyz")).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let (_, log) = gateway.stop();
    assert!(!log.contains("no audience"), "{log}");
}

#[tokio::test]
async fn a_gateway_with_documents_is_ready_and_counts() {
    let gateway = Issuer::new().gateway("");
    let (status, readiness) = ready(&gateway).await;
    assert_eq!(status, StatusCode::OK, "{readiness}");
    assert!(
        readiness.to_string().contains("1 policies and 1 locations"),
        "{readiness}"
    );
    let metrics = reqwest::get(gateway.url("decisions", "/metrics"))
        .await
        .unwrap();
    let metrics = metrics.text().await.unwrap();
    for line in [
        "highwater_ready 1",
        "highwater_store_up 1",
        "highwater_documents_up{tenant=\"contoso\"} 1",
        "highwater_decision_seconds_count 0",
    ] {
        assert!(metrics.contains(line), "{line} in\n{metrics}");
    }
    let (_, log) = gateway.stop();
    assert!(log.contains("a new store was made"), "{log}");
}

#[tokio::test]
async fn refused_documents_keep_what_is_in_force_and_say_so() {
    let gateway = Issuer::new().gateway("");
    std::fs::write(gateway.path("office.json"), "{\"conditions\": ").unwrap();
    gateway.signal(Signal::HUP);
    until(async || ready(&gateway).await.0 == StatusCode::SERVICE_UNAVAILABLE).await;
    let (_, readiness) = ready(&gateway).await;
    let text = readiness.to_string();
    assert!(text.contains("version 1 stays in force"), "{text}");
    std::fs::write(gateway.path("office.json"), OFFICE_ONLY).unwrap();
    gateway.signal(Signal::HUP);
    until(async || ready(&gateway).await.0 == StatusCode::OK).await;
}

#[tokio::test]
async fn a_gateway_whose_documents_are_refused_starts_and_is_not_ready() {
    let gateway = Issuer::new().gateway_with("", &[("office.json", "[]x")]);
    let (status, readiness) = ready(&gateway).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{readiness}");
    let alive = reqwest::get(gateway.url("decisions", "/healthz"))
        .await
        .unwrap();
    assert_eq!(alive.status(), StatusCode::OK);
}

/// A listener with TLS, and the certificate and key for it.
fn https() -> (String, rcgen::CertifiedKey<rcgen::KeyPair>) {
    let listener = "[[serve.listener]]\nkind = \"decisions\"\naddress = \"127.0.0.1:0\"\n\
         fail = \"closed\"\ntls = { certificate = \"gateway.pem\", key = \"gateway.key\" }\n";
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    (listener.to_owned(), made)
}

async fn healthy(gateway: &Gateway, certificate: &str) -> bool {
    let root = reqwest::Certificate::from_pem(certificate.as_bytes()).unwrap();
    let client = reqwest::Client::builder()
        .tls_certs_only([root])
        .build()
        .unwrap();
    let port = gateway.address("decisions").rsplit(':').next().unwrap();
    let answer = client
        .get(format!("https://localhost:{port}/healthz"))
        .send()
        .await;
    answer.is_ok_and(|answer| answer.status() == StatusCode::OK)
}

#[tokio::test]
async fn https_is_spoken_and_certificates_are_replaced_without_a_restart() {
    let (listener, first) = https();
    let gateway = Issuer::new().gateway_with(
        &listener,
        &[
            ("gateway.pem", &first.cert.pem()),
            ("gateway.key", &first.signing_key.serialize_pem()),
        ],
    );
    assert!(gateway.url("decisions", "").starts_with("https://"));
    assert!(healthy(&gateway, &first.cert.pem()).await);
    let (_, second) = https();
    // A key that does not fit changes nothing.
    std::fs::write(gateway.path("gateway.pem"), second.cert.pem()).unwrap();
    gateway.signal(Signal::HUP);
    assert!(healthy(&gateway, &first.cert.pem()).await);
    std::fs::write(
        gateway.path("gateway.key"),
        second.signing_key.serialize_pem(),
    )
    .unwrap();
    gateway.signal(Signal::HUP);
    until(async || healthy(&gateway, &second.cert.pem()).await).await;
    assert!(!healthy(&gateway, &first.cert.pem()).await);
}

#[tokio::test]
async fn a_certificate_that_is_missing_ends_the_start_with_its_name() {
    let (listener, _) = https();
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let configuration = format!("{CONFIGURATION}{listener}");
    std::fs::write(folder.path().join("highwater.toml"), configuration).unwrap();
    let ended = std::process::Command::new(env!("CARGO_BIN_EXE_highwater"))
        .current_dir(folder.path())
        .args(["serve", "--config", "highwater.toml"])
        .output()
        .unwrap();
    assert_eq!(ended.status.code(), Some(2));
    let words = String::from_utf8_lossy(&ended.stderr);
    assert!(words.contains("gateway.pem"), "{words}");
}

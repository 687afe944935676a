//! Traces reach a collector: a span per decision, below the caller's.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::Uri;
use reqwest::Client;
use serde_json::json;

use crate::issuer::Issuer;

const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// A collector that keeps what it is sent, byte for byte.
async fn collector() -> (String, Arc<Mutex<Vec<u8>>>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let received = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&received);
    let routes = Router::new().fallback(async move |uri: Uri, body: Bytes| {
        assert_eq!(uri.path(), EXPORT);
        kept.lock().unwrap().extend_from_slice(&body);
        // An empty message, and a status that comes with the headers.
        (
            [("content-type", "application/grpc"), ("grpc-status", "0")],
            vec![0_u8; 5],
        )
    });
    tokio::spawn(async move { axum::serve(listener, routes).await });
    (url, received)
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

// The collector answers while the test waits for the gateway to end.
#[tokio::test(flavor = "multi_thread")]
async fn a_decision_is_a_span_below_that_of_the_caller() {
    let (url, received) = collector().await;
    let issuer = Issuer::new();
    let gateway = issuer.gateway(&format!("[telemetry]\notlp = \"{url}\"\n"));
    Client::new()
        .get(gateway.url("decisions", "/decide"))
        .bearer_auth(issuer.token(json!({})))
        .header("x-forwarded-for", "198.51.100.9")
        .header(
            "traceparent",
            "00-0102030405060708090a0b0c0d0e0f10-1112131415161718-01",
        )
        .send()
        .await
        .unwrap();
    // What waits is sent when the gateway ends.
    let (_, log) = gateway.stop();
    let bytes = received.lock().unwrap().clone();
    for (part, what) in [
        (&b"highwater"[..], "the service"),
        (b"decide", "the span"),
        (b"location_blocked", "the reason"),
        (b"contoso", "the tenant"),
        (
            &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
            "the caller's trace",
        ),
        (
            &[0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18],
            "its span",
        ),
    ] {
        assert!(contains(&bytes, part), "{what} is missing\n{log}");
    }
}

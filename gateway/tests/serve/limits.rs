//! Clients that are slow, many or malformed get an answer, and the others do not notice.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::gateway::{Gateway, OFFICE_ONLY};

const TENANT: &str = "[[tenant]]\nid = \"*\"\ndocuments = [\"office.json\"]\n";

fn gateway(limits: &str) -> Gateway {
    let configuration = format!("{TENANT}[serve.limits]\n{limits}");
    Gateway::start(&configuration, &[("office.json", OFFICE_ONLY)])
}

/// Sends bytes and reads until the gateway closes.
async fn exchange(gateway: &Gateway, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(gateway.address("decisions"))
        .await
        .unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_head_that_does_not_end_is_answered_and_closed() {
    // Without a timeout this would wait for ever; hyper has none unless it is given a timer.
    let gateway = gateway("header_timeout = 1");
    let answer = exchange(
        &gateway,
        b"GET /healthz HTTP/1.1\r\nhost: gateway\r\nx-slow: ",
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer:?}");
}

#[tokio::test]
async fn bytes_that_trickle_do_not_hold_a_connection() {
    let gateway = gateway("header_timeout = 1");
    let stream = TcpStream::connect(gateway.address("decisions"))
        .await
        .unwrap();
    let (mut reader, mut writer) = stream.into_split();
    let dripping = tokio::spawn(async move {
        writer
            .write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\n")
            .await
            .unwrap();
        while writer.write_all(b"x-drop: 1\r\n").await.is_ok() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    });
    let mut answer = Vec::new();
    let _ = reader.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer:?}");
    dripping.await.unwrap();
}

#[tokio::test]
async fn a_pause_between_requests_is_longer_than_a_head_may_be() {
    let gateway = gateway("header_timeout = 1\nidle_timeout = 600");
    let mut stream = TcpStream::connect(gateway.address("decisions"))
        .await
        .unwrap();
    for pause in [0, 1500] {
        tokio::time::sleep(std::time::Duration::from_millis(pause)).await;
        stream
            .write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n")
            .await
            .unwrap();
        let mut answer = [0; 4096];
        let read = stream.read(&mut answer).await.unwrap();
        assert!(
            answer[..read].starts_with(b"HTTP/1.1 200 "),
            "after {pause} ms"
        );
    }
}

#[tokio::test]
async fn connections_that_say_nothing_are_closed_in_the_end() {
    let gateway = gateway("idle_timeout = 1");
    assert_eq!(exchange(&gateway, b"").await, "");
    let answer = exchange(&gateway, b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer:?}");
}

#[tokio::test]
async fn what_is_no_request_is_told_so() {
    let gateway = gateway("header_bytes = 8192\nheaders = 10\nheader_timeout = 1");
    let long = format!(
        "GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n",
        "a".repeat(20_000)
    );
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "x: 1\r\n".repeat(50));
    for (bytes, status) in [
        ("\0\0\0\0\r\n\r\n", "400"),
        ("GET / HTTP/9.9\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nhost: a\r\n: nameless\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\ncontent-length: x\r\n\r\n", "400"),
        (long.as_str(), "431"),
        (many.as_str(), "431"),
    ] {
        let answer = exchange(&gateway, bytes.as_bytes()).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer:?} to {:?}",
            &bytes[..bytes.len().min(60)]
        );
    }
}

#[tokio::test]
async fn beyond_the_limit_connections_are_told_so_and_the_others_are_served() {
    let gateway = gateway("connections = 2");
    let mut first = TcpStream::connect(gateway.address("decisions"))
        .await
        .unwrap();
    let second = TcpStream::connect(gateway.address("decisions"))
        .await
        .unwrap();
    let answer = exchange(&gateway, b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer:?}");
    assert!(answer.contains("retry-after: 1"), "{answer:?}");
    let mut served = [0; 12];
    first
        .write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    first.read_exact(&mut served).await.unwrap();
    assert_eq!(&served, b"HTTP/1.1 200");
    drop(second);
    crate::gateway::until(async || {
        exchange(
            &gateway,
            b"GET /healthz HTTP/1.1\r\nconnection: close\r\nhost: a\r\n\r\n",
        )
        .await
        .starts_with("HTTP/1.1 200 ")
    })
    .await;
}

#[tokio::test]
async fn ten_thousand_idle_connections_and_decisions_go_on() {
    // Both ends are counted against the limits of their process: as many as there may be.
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let possible = limit.current.unwrap_or(u64::MAX).saturating_sub(256);
    let count = usize::try_from(possible.min(10_000)).unwrap();
    let gateway = gateway("idle_timeout = 600");
    let mut idle = Vec::with_capacity(count);
    for _ in 0..count {
        idle.push(
            TcpStream::connect(gateway.address("decisions"))
                .await
                .unwrap(),
        );
    }
    let answer = exchange(
        &gateway,
        b"GET /healthz HTTP/1.1\r\nconnection: close\r\nhost: a\r\n\r\n",
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer:?}");
    println!("{count} idle connections");
}

//! Whether the process lives.

/// `GET /healthz`: the process answers. Says nothing about what it knows.
pub(crate) async fn alive() -> &'static str {
    "ok\n"
}

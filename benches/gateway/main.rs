//! What the gateway costs, in one run on one machine: `gateway/cost`.
//!
//! Everything on loopback, the gateway on one core and whoever asks on the other, so that the
//! numbers are those of one core. Beside each number of ours stands what it is to be compared
//! with: the same server answering a constant, and nginx asking itself.

mod figures;
mod gateway;
mod issuer;
mod load;
mod nginx;
mod revocation;

use std::error::Error;
use std::path::PathBuf;

pub(crate) type Outcome<T> = Result<T, Box<dyn Error>>;

/// Connections that ask.
const CONNECTIONS: usize = 16;
/// Tokens that are kept, asked about again and again.
const KEPT: usize = 1_000;

/// How much is asked.
#[derive(Clone, Copy)]
pub(crate) struct Scale {
    /// How long each load lasts, in seconds.
    seconds: u64,
    /// Tokens that are asked about once each: more than are used up.
    new: usize,
    /// Reports pushed one after the other.
    reports: usize,
    /// Revoked subjects in memory.
    subjects: usize,
}

const WHOLE: Scale = Scale {
    seconds: 5,
    new: 250_000,
    reports: 200,
    subjects: 1_000_000,
};

/// Enough to see that every answer is right, not for numbers.
const QUICK: Scale = Scale {
    seconds: 1,
    new: 60_000,
    reports: 20,
    subjects: 20_000,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let scale = match arguments.iter().position(|argument| argument == "--quick") {
        None => WHOLE,
        Some(index) => {
            arguments.remove(index);
            QUICK
        }
    };
    let [binary] = arguments.as_slice() else {
        return Err("usage: cost [--quick] PATH-OF-THE-BINARY".into());
    };
    let binary = PathBuf::from(binary);
    let folder = tempfile::tempdir()?;
    let issuer = issuer::Issuer::new()?;
    eprintln!("signing {} tokens", KEPT + scale.new);
    let kept = issuer.tokens(folder.path(), "kept", KEPT)?;
    let new = issuer.tokens(folder.path(), "new", scale.new)?;

    let gateway = gateway::Gateway::start(&binary, &folder.path().join("one"), &issuer)?;
    let mut figures = figures::Figures::default();
    let direct = |name: &str, path: &str, tokens: &std::path::Path, once: bool| {
        load::measure(
            name,
            &gateway.decisions,
            path,
            tokens,
            once.then_some(scale.new),
            scale,
        )
    };
    figures.add(direct(
        "constant (/healthz), the floor",
        "/healthz",
        &kept,
        false,
    )?);
    figures.add(direct("decision, token kept", "/decide", &kept, false)?);
    figures.add(direct(
        "decision, token new (ES256)",
        "/decide",
        &new,
        true,
    )?);
    let nginx = nginx::Nginx::start(folder.path(), &gateway.decisions)?;
    let through =
        |name: &str, path: &str| load::measure(name, &nginx.url, path, &kept, None, scale);
    figures.add(through("nginx, a static file", "/plain/")?);
    figures.add(through("nginx, auth_request to a static 204", "/static/")?);
    figures.add(through("nginx, auth_request to the gateway", "/gateway/")?);
    drop(nginx);
    revocation::latency(&gateway, &issuer, scale, &mut figures).await?;
    drop(gateway);
    revocation::memory(&binary, folder.path(), &issuer, scale, &mut figures)?;
    figures.print();
    Ok(())
}

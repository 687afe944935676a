//! A hyper service behind Highwater, without a framework: the layer, a peer address per
//! connection, and keys from the issuer's metadata.
//!
//! `cargo run -p highwater-tower --features discovery --example plain_hyper -- ISSUER AUDIENCE`

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use highwater::engine::Engine;
use highwater::model::TenantModel;
use highwater::settings::{EngineSettings, TenantSettings};
use highwater::token::IssuerProfile;
use highwater_tower::token::{AcceptedIssuer, KeySource, TokenValidator};
use highwater_tower::{Access, HighwaterLayer, PeerAddress};
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tower::ServiceBuilder;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(issuer), Some(audience)) = (arguments.next(), arguments.next()) else {
        return Err("say ISSUER and AUDIENCE".into());
    };
    let engine = Arc::new(Engine::new(EngineSettings::default()));
    engine.publish(
        issuer.parse()?,
        &TenantModel::default(),
        TenantSettings::default(),
    )?;
    let keys = KeySource::Discovery(None);
    let accepted = AcceptedIssuer::new(IssuerProfile::generic(&issuer), keys, [audience])?;
    let validator = TokenValidator::builder(engine).issuer(accepted).build()?;
    let layer = HighwaterLayer::builder(validator).build();

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{}", listener.local_addr()?);
    loop {
        let (stream, peer) = listener.accept().await?;
        let service = ServiceBuilder::new()
            .map_request(move |mut request: Request<Incoming>| {
                request.extensions_mut().insert(PeerAddress(peer.ip()));
                request
            })
            .layer(layer.clone())
            .service_fn(hello);
        tokio::spawn(async move {
            let connection = auto::Builder::new(TokioExecutor::new());
            let service = TowerToHyperService::new(service);
            if let Err(error) = connection
                .serve_connection(TokioIo::new(stream), service)
                .await
            {
                eprintln!("{peer}: {error}");
            }
        });
    }
}

async fn hello(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let name = request
        .extensions()
        .get::<Access>()
        .map(|access| access.token.facts().subject.to_string());
    let text = format!("hello {}\n", name.as_deref().unwrap_or("nobody"));
    Ok(Response::new(Full::new(Bytes::from(text))))
}

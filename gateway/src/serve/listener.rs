//! Where the gateway listens, and what it answers there.
//!
//! Sockets are opened before anything else: a port that is taken ends the program at once.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use highwater_tower::client_address::{
    ClientAddressRule, ForwardingHeader, HopCount, TrustedProxies,
};
use http::{HeaderMap, Request, Response};
use http_body_util::Either;
use hyper::body::Incoming;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use super::Service;
use super::connection::{AnswerBody, Peer};
use super::tls::Tls;
use super::{decide, health};
use crate::config::Configuration;
use crate::config::limits::Limits;
use crate::config::serve::{Fail, ListenerKind, ListenerSection};
use crate::failure::Failure;

/// A socket that is open, and what is configured about it.
pub(super) struct Bound {
    pub(super) section: ListenerSection,
    pub(super) socket: Socket,
    tls: Option<Arc<Tls>>,
}

/// What it listens on.
pub(super) enum Socket {
    /// An address and port.
    Tcp(tokio::net::TcpListener),
    /// A path.
    #[cfg(unix)]
    Unix(tokio::net::UnixListener, PathBuf),
}

/// Everything that is needed to answer on one socket.
pub(crate) struct Listener {
    pub(crate) service: Arc<Service>,
    pub(crate) section: ListenerSection,
    callers: Callers,
    routes: Router,
    tls: Option<Arc<Tls>>,
}

impl Listener {
    /// What is answered on `bound`: `routes`, and decisions where it is for them.
    pub(super) fn new(service: &Arc<Service>, bound: &Bound, routes: Router) -> Listener {
        let section = bound.section.clone();
        Listener {
            service: Arc::clone(service),
            callers: Callers::of(&section),
            section,
            routes,
            tls: bound.tls.clone(),
        }
    }

    /// Bounds on what clients may ask.
    pub(super) fn limits(&self) -> &Limits {
        &self.service.limits
    }

    /// What speaks TLS here, with the certificate of the moment.
    pub(super) fn tls(&self) -> Option<TlsAcceptor> {
        self.tls.as_ref().map(|tls| tls.acceptor())
    }

    /// Whether `peer` may speak for others.
    pub(super) fn trusts(&self, peer: Peer) -> bool {
        self.callers.rule.proxies().trusts(peer.0)
    }

    /// What becomes of a request that nobody can judge.
    pub(super) fn fail(&self) -> Fail {
        self.callers.fail
    }

    /// The address of the client of a request that `peer` asks about.
    pub(super) fn client_address(&self, peer: Peer, headers: &HeaderMap) -> Option<IpAddr> {
        self.callers.client_address(peer, headers)
    }

    /// Answers one request.
    pub(super) async fn answer(
        &self,
        request: Request<Incoming>,
        peer: Peer,
    ) -> Response<AnswerBody> {
        // Every kind of listener has it, and it says nothing: the floor of what an answer costs.
        if request.uri().path() == "/healthz" {
            return health::alive();
        }
        // Asked for every request to the API, so nothing stands before it.
        if self.section.kind == ListenerKind::Decisions
            && let Some(answer) = decide::forward_auth(self, &request, peer).await
        {
            return answer;
        }
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(peer);
        match self.routes.clone().oneshot(request).await {
            Ok(answer) => answer.map(Either::Right),
            Err(never) => match never {},
        }
    }
}

/// Who asks on a listener for decisions, and how far they are believed.
#[derive(Clone)]
pub(super) struct Callers {
    /// Whom to believe about the address of a client.
    pub(super) rule: ClientAddressRule,
    /// What becomes of a request that nobody can judge.
    pub(super) fail: Fail,
}

impl Callers {
    /// As a listener says.
    pub(super) fn of(section: &ListenerSection) -> Callers {
        Callers {
            rule: section
                .client_address
                .clone()
                .unwrap_or_else(|| default_rule(section)),
            fail: section.fail.unwrap_or(Fail::Closed),
        }
    }

    /// The address of the client of a request that `peer` asks about. Whoever asks is a gateway:
    /// one that is not trusted is not believed, and its own address is nobody's.
    pub(super) fn client_address(&self, peer: Peer, headers: &HeaderMap) -> Option<IpAddr> {
        let is_trusted = self.rule.proxies().trusts(peer.0);
        is_trusted
            .then(|| self.rule.client_address(peer.0, headers))
            .flatten()
    }
}

/// The rule of a listener that says nothing: proxies are on the same machine.
fn default_rule(section: &ListenerSection) -> ClientAddressRule {
    let proxies = if section.socket.is_some() {
        TrustedProxies::NOBODY.with_hops(Some(HopCount::MIN))
    } else {
        TrustedProxies::new([
            IpNet::V4(Ipv4Net::new_assert([127, 0, 0, 0].into(), 8)),
            IpNet::V6(Ipv6Net::new_assert(std::net::Ipv6Addr::LOCALHOST, 128)),
        ])
    };
    ClientAddressRule::new(proxies, ForwardingHeader::default())
}

impl Bound {
    /// Binds every listener of a configuration. Inside of a runtime.
    ///
    /// # Errors
    /// The first that cannot be bound, with the reason.
    pub(super) fn all(configuration: &Configuration) -> Result<Vec<Bound>, Failure> {
        let bind = |section: &ListenerSection| {
            let socket = match (&section.address, &section.socket) {
                (Some(address), _) => tcp(*address.get_ref()),
                (None, Some(path)) => unix(configuration.folder.join(path.get_ref())),
                // Loading has refused it.
                (None, None) => Err(Failure::Input("a listener without address".to_owned())),
            }?;
            let tls = match &section.tls {
                None => None,
                Some(tls) => Some(Arc::new(Tls::load(&configuration.folder, tls)?)),
            };
            Ok(Bound {
                section: section.clone(),
                socket,
                tls,
            })
        };
        configuration.serve.listeners.iter().map(bind).collect()
    }

    /// What it answers.
    pub(super) fn kind(&self) -> ListenerKind {
        self.section.kind
    }

    /// Says on stdout where to ask: the one thing that is said there.
    pub(super) fn announce(&self) {
        use std::io::Write;
        let mut out = std::io::stdout().lock();
        // Whoever closed stdout does not want to know.
        let _ = writeln!(out, "listening on {self} for {}", self.kind().as_str())
            .and_then(|()| out.flush());
    }

    /// The certificate, to be read again.
    pub(super) fn tls(&self) -> Option<&Arc<Tls>> {
        self.tls.as_ref()
    }
}

/// Where clients reach it.
impl fmt::Display for Bound {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.section.tls {
            Some(_) => "https",
            None => "http",
        };
        match &self.socket {
            Socket::Tcp(listener) => match listener.local_addr() {
                Ok(address) => write!(formatter, "{scheme}://{address}"),
                Err(error) => write!(formatter, "{scheme}://? ({error})"),
            },
            #[cfg(unix)]
            Socket::Unix(_, path) => write!(formatter, "unix:{}", path.display()),
        }
    }
}

/// Connections that wait to be accepted: a gateway that restarts reconnects all its workers at
/// once.
const BACKLOG: u32 = 4096;

fn tcp(address: SocketAddr) -> Result<Socket, Failure> {
    let listen = || {
        let socket = match address {
            SocketAddr::V4(_) => tokio::net::TcpSocket::new_v4(),
            SocketAddr::V6(_) => tokio::net::TcpSocket::new_v6(),
        }?;
        // Not on Windows, where it would let others take the port.
        #[cfg(unix)]
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    listen()
        .map(Socket::Tcp)
        .map_err(|error| Failure::Broken(format!("cannot listen on `{address}`: {error}")))
}

#[cfg(unix)]
fn unix(path: PathBuf) -> Result<Socket, Failure> {
    use std::os::unix::fs::{FileTypeExt, PermissionsExt};
    use std::os::unix::net::UnixStream;

    let failed = |error: std::io::Error| {
        Failure::Broken(format!("cannot listen on `{}`: {error}", path.display()))
    };
    // What an earlier process left behind is in the way; what another process serves is not ours.
    if let Ok(metadata) = std::fs::symlink_metadata(&path)
        && metadata.file_type().is_socket()
        && UnixStream::connect(&path).is_err()
    {
        std::fs::remove_file(&path).map_err(failed)?;
    }
    let listener = tokio::net::UnixListener::bind(&path).map_err(failed)?;
    // The file's owner is who may ask; there is no other password.
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
    Ok(Socket::Unix(listener, path))
}

#[cfg(not(unix))]
fn unix(path: PathBuf) -> Result<Socket, Failure> {
    Err(Failure::Input(format!(
        "`{}`: there are no Unix sockets on this system; use an `address` with a `token_file`",
        path.display()
    )))
}

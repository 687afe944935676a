//! `[serve]` and `[[serve.listener]]`: where the gateway listens, whom it believes, what it
//! writes down.
//!
//! What decides access has no silent default: every listener that answers decisions says what
//! becomes of a request that nobody can judge (`fail`).

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use highwater_tower::client_address::ClientAddressRule;
use serde::Deserialize;
use toml::Spanned;

use super::limits::LimitsSection;
use super::seconds::Seconds;

/// `[serve]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ServeSection {
    /// `[[serve.listener]]`. None: decisions on `127.0.0.1:8181`, fail-closed.
    #[serde(rename = "listener")]
    pub(crate) listeners: Vec<ListenerSection>,
    /// `[serve.limits]`.
    pub(crate) limits: LimitsSection,
    /// How long requests under way may take when the gateway is told to stop. Default 10 s.
    drain: Option<Seconds>,
}

impl ServeSection {
    /// Whether anybody is answered decisions, rather than events taken only.
    pub(crate) fn decides(&self) -> bool {
        self.listeners
            .iter()
            .any(|listener| listener.kind == ListenerKind::Decisions)
    }

    /// How long requests under way may take when the gateway is told to stop.
    pub(crate) fn drain(&self) -> Duration {
        self.drain
            .map_or(Duration::from_secs(10), |drain| drain.duration())
    }
}

/// One `[[serve.listener]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListenerSection {
    /// What is answered here.
    pub(crate) kind: ListenerKind,
    /// Address and port; port 0 picks one.
    pub(crate) address: Option<Spanned<SocketAddr>>,
    /// A Unix socket instead of an address.
    pub(crate) socket: Option<Spanned<PathBuf>>,
    /// Certificate and key; none: no TLS.
    pub(crate) tls: Option<TlsSection>,
    /// What becomes of a request that nobody can judge. Required for `decisions`.
    pub(crate) fail: Option<Fail>,
    /// Whom to believe about the address of a client. None: proxies on the same machine.
    pub(crate) client_address: Option<ClientAddressRule>,
    /// Whether every connection begins with a PROXY protocol header, version 1 or 2.
    #[serde(default)]
    pub(crate) proxy_protocol: bool,
    /// A file with the token that `admin` asks for. Unix sockets need none.
    pub(crate) token_file: Option<PathBuf>,
}

/// What a listener answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ListenerKind {
    /// Is this request allowed? For gateways.
    Decisions,
    /// Security Event Tokens. For transmitters.
    Intake,
    /// Why, revoke, export. For operators.
    Admin,
}

impl ListenerKind {
    /// The kind in the configuration and in logs.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            ListenerKind::Decisions => "decisions",
            ListenerKind::Intake => "intake",
            ListenerKind::Admin => "admin",
        }
    }
}

/// What becomes of a request that nobody can judge: documents or keys are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Fail {
    /// 503: nobody gets in.
    Closed,
    /// 200, flagged: everybody gets in whom the API behind lets in.
    Open,
}

/// `tls` of a listener.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TlsSection {
    /// The certificate and those above it, in PEM.
    pub(crate) certificate: PathBuf,
    /// Its key, in PEM.
    pub(crate) key: PathBuf,
}

impl ListenerSection {
    /// Decisions on `address`, fail-closed, behind proxies on the same machine.
    pub(crate) fn decisions(address: SocketAddr) -> ListenerSection {
        ListenerSection {
            kind: ListenerKind::Decisions,
            address: Some(Spanned::new(0..0, address)),
            socket: None,
            tls: None,
            fail: Some(Fail::Closed),
            client_address: None,
            proxy_protocol: false,
            token_file: None,
        }
    }

    /// Listens on `address` instead.
    pub(crate) fn move_to(&mut self, address: SocketAddr) {
        self.address = Some(Spanned::new(0..0, address));
        self.socket = None;
    }

    /// What types alone cannot say: a sentence, and what it is about.
    pub(super) fn mistake(&self) -> Option<String> {
        let kind = self.kind.as_str();
        match (&self.address, &self.socket) {
            (None, None) => {
                return Some(format!(
                    "a listener for {kind} needs an `address` or a `socket`"
                ));
            }
            (Some(_), Some(_)) => {
                return Some(
                    "a listener has an `address` or a `socket`, not both; add a second listener"
                        .to_owned(),
                );
            }
            _ => {}
        }
        match self.kind {
            ListenerKind::Decisions if self.fail.is_none() => Some(
                "say `fail = \"closed\"` (503) or `fail = \"open\"` (let pass): what becomes of \
                 requests that nobody can judge"
                    .to_owned(),
            ),
            ListenerKind::Intake | ListenerKind::Admin if self.fail.is_some() => Some(format!(
                "`fail` is about decisions; a listener for {kind} has none"
            )),
            ListenerKind::Admin if self.address.is_some() && self.token_file.is_none() => Some(
                "a listener for admin on an address needs a `token_file`; a `socket` needs none"
                    .to_owned(),
            ),
            ListenerKind::Decisions | ListenerKind::Intake if self.token_file.is_some() => Some(
                format!("`token_file` is for admin; a listener for {kind} has none"),
            ),
            _ if self.proxy_protocol
                && self
                    .client_address
                    .as_ref()
                    .is_none_or(|rule| rule.proxies().is_nobody()) =>
            {
                Some(
                    "`proxy_protocol` is only read from proxies that are trusted; name them in \
                     `client_address`"
                        .to_owned(),
                )
            }
            _ => None,
        }
    }

    /// Where the mistake is best shown.
    pub(super) fn span(&self) -> Option<std::ops::Range<usize>> {
        match (&self.address, &self.socket) {
            (Some(address), _) => Some(address.span()),
            (None, Some(socket)) => Some(socket.span()),
            (None, None) => None,
        }
    }
}

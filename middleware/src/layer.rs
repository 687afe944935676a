//! The layer: how a service is put behind the engine, and what differs from route to route.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use highwater::decision::Decision;
use highwater::identifier::Identifier;
use highwater::timestamp::Timestamp;
use highwater::token::VerifiedToken;
use http::Extensions;
use http::request::Parts;
use tower_layer::Layer;

use crate::answer::Answer;
use crate::client_address::ClientAddressRule;
use crate::service::Highwater;
use crate::token::TokenValidator;

/// Puts services behind the engine: only requests with a token that is still good reach them.
///
/// Whoever is let through finds an [`Access`] in the extensions of its request. Whoever is not
/// gets the answer of [`answer`](crate::answer), as HTTP or, if it is a gRPC call, as gRPC.
///
/// Cloning is cheap, and a clone may ask for more than its original: one layer for all routes,
/// and [`HighwaterLayer::with_authentication_context`] for those that need it.
#[derive(Clone)]
pub struct HighwaterLayer {
    pub(crate) validator: Arc<TokenValidator>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) resource: Option<Identifier>,
    pub(crate) authentication_context: Option<Cow<'static, str>>,
}

type PeerOf = dyn Fn(&Extensions) -> Option<IpAddr> + Send + Sync;
type ContextOf = dyn Fn(&Parts) -> Option<Cow<'static, str>> + Send + Sync;
type ResourceOf = dyn Fn(&Parts) -> Option<Identifier> + Send + Sync;
type PassesThrough = dyn Fn(&Parts) -> bool + Send + Sync;
type Adjust = dyn Fn(&mut Answer, &Parts) + Send + Sync;
type Clock = dyn Fn() -> Timestamp + Send + Sync;

/// What is the same for every clone of a layer.
pub(crate) struct Settings {
    pub(crate) client_address: ClientAddressRule,
    pub(crate) peer: Box<PeerOf>,
    pub(crate) context: Option<Box<ContextOf>>,
    pub(crate) resource: Option<Box<ResourceOf>>,
    pub(crate) passes_through: Option<Box<PassesThrough>>,
    pub(crate) adjust: Option<Box<Adjust>>,
    pub(crate) clock: Box<Clock>,
    pub(crate) name_policies: bool,
    pub(crate) describe: bool,
}

/// The other end of the connection, in the extensions of a request: what the layer looks for
/// unless it is told where else to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PeerAddress(pub IpAddr);

/// A request that was let through: who it is, from where, and with which decision.
///
/// In the extensions of the request, for handlers and layers further in.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Access {
    /// The token; its facts say who it is.
    pub token: Arc<VerifiedToken>,
    /// The decision. It may be flagged [`uncovered`](Decision::is_uncovered) or
    /// [`degraded`](Decision::is_degraded).
    pub decision: Decision,
    /// The address of the client, if it is known.
    pub client_address: Option<IpAddr>,
}

/// Builds a [`HighwaterLayer`]. Every setting has a default that is safe.
#[must_use]
pub struct HighwaterLayerBuilder {
    validator: Arc<TokenValidator>,
    settings: Settings,
}

impl HighwaterLayer {
    /// A layer that lets tokens of `validator` through if its engine allows them.
    pub fn builder(validator: impl Into<Arc<TokenValidator>>) -> HighwaterLayerBuilder {
        HighwaterLayerBuilder {
            validator: validator.into(),
            settings: Settings {
                client_address: ClientAddressRule::default(),
                peer: Box::new(|extensions| Some(extensions.get::<PeerAddress>()?.0)),
                context: None,
                resource: None,
                passes_through: None,
                adjust: None,
                clock: Box::new(now),
                name_policies: false,
                describe: false,
            },
        }
    }

    /// This layer, for routes whose operations need an authentication context (`acrs`).
    #[must_use]
    pub fn with_authentication_context(mut self, context: impl Into<Cow<'static, str>>) -> Self {
        self.authentication_context = Some(context.into());
        self
    }

    /// This layer, for routes of another resource than the token's audience.
    #[must_use]
    pub fn with_resource(mut self, resource: Identifier) -> Self {
        self.resource = Some(resource);
        self
    }
}

impl HighwaterLayerBuilder {
    /// Whom to believe about a client's address. Default: nobody, the connection's other end is
    /// the client.
    pub fn client_address(mut self, rule: ClientAddressRule) -> Self {
        self.settings.client_address = rule;
        self
    }

    /// Where the other end of the connection is found. Default: a [`PeerAddress`] in the
    /// extensions; without one it is unknown, and so is every location.
    ///
    /// For axum: `|extensions| Some(extensions.get::<ConnectInfo<SocketAddr>>()?.0.ip())`.
    pub fn peer(
        mut self,
        peer: impl Fn(&Extensions) -> Option<IpAddr> + Send + Sync + 'static,
    ) -> Self {
        self.settings.peer = Box::new(peer);
        self
    }

    /// The authentication context that a request needs, where its layer does not say.
    pub fn authentication_context(
        mut self,
        context: impl Fn(&Parts) -> Option<Cow<'static, str>> + Send + Sync + 'static,
    ) -> Self {
        self.settings.context = Some(Box::new(context));
        self
    }

    /// The resource that a request is for, where its layer does not say. Default: the audience of
    /// the token.
    pub fn resource(
        mut self,
        resource: impl Fn(&Parts) -> Option<Identifier> + Send + Sync + 'static,
    ) -> Self {
        self.settings.resource = Some(Box::new(resource));
        self
    }

    /// Requests that need no token, such as health checks and CORS preflights. They reach the
    /// service without an [`Access`]. Default: none.
    pub fn pass_through(mut self, passes: impl Fn(&Parts) -> bool + Send + Sync + 'static) -> Self {
        self.settings.passes_through = Some(Box::new(passes));
        self
    }

    /// Changes a refusal before it is sent. Whoever changes the status or `WWW-Authenticate` of a
    /// challenge keeps clients from answering it.
    pub fn adjust_refusal(
        mut self,
        adjust: impl Fn(&mut Answer, &Parts) + Send + Sync + 'static,
    ) -> Self {
        self.settings.adjust = Some(Box::new(adjust));
        self
    }

    /// Whether refusals name the policies behind them. Default: no, clients need not know them.
    pub const fn name_policies(mut self, name: bool) -> Self {
        self.settings.name_policies = name;
        self
    }

    /// Whether the decision and who it is about are written into headers of the request, for
    /// services that pass it on. Default: no. Headers of these names that a client sends are
    /// removed in either case.
    pub const fn describe_in_headers(mut self, describe: bool) -> Self {
        self.settings.describe = describe;
        self
    }

    /// The clock. Default: that of the system.
    pub fn clock(mut self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.settings.clock = Box::new(clock);
        self
    }

    /// The layer.
    #[must_use]
    pub fn build(self) -> HighwaterLayer {
        HighwaterLayer {
            validator: self.validator,
            settings: Arc::new(self.settings),
            resource: None,
            authentication_context: None,
        }
    }
}

impl<S> Layer<S> for HighwaterLayer {
    type Service = Highwater<S>;

    fn layer(&self, inner: S) -> Highwater<S> {
        Highwater::new(inner, self.clone())
    }
}

/// The present by the system's clock. Before 1970 every token is yet to come.
fn now() -> Timestamp {
    SystemTime::now().into()
}

impl fmt::Debug for HighwaterLayer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("HighwaterLayer")
            .field("validator", &self.validator)
            .field("client_address", &self.settings.client_address)
            .field("resource", &self.resource)
            .field("authentication_context", &self.authentication_context)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for HighwaterLayerBuilder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("HighwaterLayerBuilder")
            .field("client_address", &self.settings.client_address)
            .finish_non_exhaustive()
    }
}

//! The service that a layer makes: one request in, a refusal out or the inner service asked.
//!
//! With a token that is known, nothing is waited for and no future is boxed: the decision falls
//! before `call` returns. Only a token whose key is not known yet waits, for at most one fetch.

use std::borrow::Cow;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use highwater::decision::{Decision, Outcome, PolicyIndex};
use highwater::evaluate::{Observer, Verdict};
use highwater::identifier::Identifier;
use highwater::snapshot::policy_table::CompiledPolicy;
use highwater::timestamp::Timestamp;
use highwater::token::VerifiedToken;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::request::Parts;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::answer::{self, Answer};
use crate::layer::{Access, HighwaterLayer};
use crate::token::{TokenError, bearer};

/// A service behind the engine; see [`HighwaterLayer`].
#[derive(Clone, Debug)]
pub struct Highwater<S> {
    inner: S,
    layer: HighwaterLayer,
}

impl<S> Highwater<S> {
    pub(crate) const fn new(inner: S, layer: HighwaterLayer) -> Highwater<S> {
        Highwater { inner, layer }
    }

    /// The service behind.
    pub const fn inner(&self) -> &S {
        &self.inner
    }
}

/// What becomes of a request.
enum Step {
    Pass,
    Refuse(Box<Answer>),
    #[cfg(feature = "discovery")]
    Wait,
}

impl HighwaterLayer {
    /// Judges a request with the keys that are known.
    fn judge(&self, parts: &mut Parts) -> Step {
        // The client is the last who may say what was decided about it.
        answer::remove_verdict(&mut parts.headers);
        let settings = &self.settings;
        if settings
            .passes_through
            .as_ref()
            .is_some_and(|passes| passes(parts))
        {
            return Step::Pass;
        }
        let now = (settings.clock)();
        let found = bearer::token(&parts.headers, parts.uri.query())
            .and_then(|token| self.validator.validate_with_known_keys(token, now));
        match found {
            Ok(token) => self.decide(parts, token, now),
            #[cfg(feature = "discovery")]
            Err(error) if error.is_about_keys() => Step::Wait,
            Err(error) => self.refuse_token(parts, &error),
        }
    }

    /// Judges a request whose key was not known, after one fetch.
    #[cfg(feature = "discovery")]
    async fn judge_after_fetch(&self, parts: &mut Parts) -> Step {
        let now = (self.settings.clock)();
        let found = match bearer::token(&parts.headers, parts.uri.query()) {
            Ok(token) => self.validator.validate(token, now).await,
            Err(error) => Err(error),
        };
        match found {
            Ok(token) => self.decide(parts, token, now),
            Err(error) => self.refuse_token(parts, &error),
        }
    }

    fn refuse_token(&self, parts: &Parts, error: &TokenError) -> Step {
        tracing::debug!(%error, "token refused");
        let answer = Answer::to_token_error(error, self.validator.authorization());
        self.refuse(parts, answer)
    }

    fn refuse(&self, parts: &Parts, mut answer: Answer) -> Step {
        if let Some(adjust) = &self.settings.adjust {
            adjust(&mut answer, parts);
        }
        Step::Refuse(Box::new(answer))
    }

    fn decide(&self, parts: &mut Parts, token: Arc<VerifiedToken>, now: Timestamp) -> Step {
        let settings = &self.settings;
        let peer = (settings.peer)(&parts.extensions);
        let client_address = settings.client_address.client_address(peer, &parts.headers);
        let context = match (&self.authentication_context, &settings.context) {
            (Some(context), _) => Some(Cow::Borrowed(context.as_ref())),
            (None, Some(context)) => context(parts),
            (None, None) => None,
        };
        let resource = match (&self.resource, &settings.resource) {
            (Some(resource), _) => Some(resource.clone()),
            (None, Some(resource)) => resource(parts),
            (None, None) => None,
        };
        let request = highwater::request::Request {
            resource: resource.as_ref(),
            authentication_context: context.as_deref(),
            ..highwater::request::Request::new(now, client_address)
        };
        let mut violated = Violated(Vec::new());
        let engine = self.validator.engine();
        let decision: Decision = if settings.name_policies {
            engine.decide_observed(&token, &request, &mut violated).0
        } else {
            engine.decide(&token, &request)
        };
        if decision.outcome() != Outcome::Allow
            && let Some(answer) = Answer::to_decision(&decision, &token, &request, &violated.0)
        {
            tracing::debug!(outcome = %decision.outcome(), reasons = ?decision.reasons(), "refused");
            return self.refuse(parts, answer);
        }
        if settings.describe {
            answer::describe_decision(&decision, &mut parts.headers);
            answer::describe_identity(token.facts(), &mut parts.headers);
        }
        parts.extensions.insert(Access {
            token,
            decision,
            client_address,
        });
        Step::Pass
    }
}

/// Notes the policies that object.
struct Violated(Vec<Identifier>);

impl Observer for Violated {
    const THOROUGH: bool = false;

    fn policy(&mut self, _: PolicyIndex, policy: &CompiledPolicy, verdict: &Verdict) {
        if verdict.is_enforced_in(policy.state) {
            self.0.push(policy.id.clone());
        }
    }
}

impl<S, Q, B> Service<Request<Q>> for Highwater<S>
where
    S: Service<Request<Q>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    Q: Send + 'static,
    B: Send + 'static,
{
    type Response = Response<ResponseBody<B>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, B, S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        match self.layer.judge(&mut parts) {
            Step::Pass => {
                let future = self.inner.call(Request::from_parts(parts, body));
                ResponseFuture::Passed { future }
            }
            Step::Refuse(answer) => ResponseFuture::Refused {
                response: Some(response(*answer, &parts)),
            },
            #[cfg(feature = "discovery")]
            Step::Wait => {
                // The service that was polled ready is the one to call.
                let spare = self.inner.clone();
                let mut ready = std::mem::replace(&mut self.inner, spare);
                let layer = self.layer.clone();
                ResponseFuture::Waiting {
                    future: Box::pin(async move {
                        match layer.judge_after_fetch(&mut parts).await {
                            Step::Refuse(answer) => Ok(response(*answer, &parts)),
                            Step::Pass | Step::Wait => {
                                ready.call(Request::from_parts(parts, body)).await.map(pass)
                            }
                        }
                    }),
                }
            }
        }
    }
}

/// The refusal in the protocol of the request.
fn response<B>(answer: Answer, parts: &Parts) -> Response<ResponseBody<B>> {
    match grpc(parts) {
        Some(content_type) => answer.into_grpc_response(content_type),
        None => answer.into_response(),
    }
}

fn grpc(parts: &Parts) -> Option<&HeaderValue> {
    let value = parts.headers.get(CONTENT_TYPE)?;
    value
        .as_bytes()
        .starts_with(b"application/grpc")
        .then_some(value)
}

fn pass<B>(response: Response<B>) -> Response<ResponseBody<B>> {
    response.map(|body| ResponseBody::Inner { body })
}

type Waiting<B, E> =
    Pin<Box<dyn Future<Output = Result<Response<ResponseBody<B>>, E>> + Send + 'static>>;

pin_project! {
    /// The response of a [`Highwater`] service.
    #[project = ResponseFutureState]
    pub enum ResponseFuture<F, B, E> {
        /// The inner service answers.
        #[doc(hidden)]
        Passed { #[pin] future: F },
        /// The answer is there.
        #[doc(hidden)]
        Refused { response: Option<Response<ResponseBody<B>>> },
        /// Keys are being fetched.
        #[doc(hidden)]
        Waiting { future: Waiting<B, E> },
    }
}

impl<F, B, E> Future for ResponseFuture<F, B, E>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<ResponseBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            ResponseFutureState::Passed { future } => {
                Poll::Ready(ready!(future.poll(context)).map(pass))
            }
            ResponseFutureState::Refused { response } => match response.take() {
                Some(response) => Poll::Ready(Ok(response)),
                // Polled after it was done: there is nothing more to come.
                None => Poll::Pending,
            },
            ResponseFutureState::Waiting { future } => future.as_mut().poll(context),
        }
    }
}

pin_project! {
    /// The body of a response: that of the inner service, or a refusal.
    #[derive(Debug)]
    #[project = ResponseBodyState]
    pub enum ResponseBody<B> {
        /// Of the inner service.
        #[doc(hidden)]
        Inner { #[pin] body: B },
        /// A refusal that is not sent yet.
        #[doc(hidden)]
        Refusal { body: Option<Bytes> },
    }
}

impl<B> From<Bytes> for ResponseBody<B> {
    fn from(body: Bytes) -> ResponseBody<B> {
        ResponseBody::Refusal {
            body: Some(body).filter(|body| !body.is_empty()),
        }
    }
}

impl<B: Body<Data = Bytes>> Body for ResponseBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project() {
            ResponseBodyState::Inner { body } => body.poll_frame(context),
            ResponseBodyState::Refusal { body } => {
                Poll::Ready(body.take().map(|body| Ok(Frame::data(body))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            ResponseBody::Inner { body } => body.is_end_stream(),
            ResponseBody::Refusal { body } => body.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            ResponseBody::Inner { body } => body.size_hint(),
            ResponseBody::Refusal { body } => {
                SizeHint::with_exact(body.as_ref().map_or(0, |body| body.len() as u64))
            }
        }
    }
}

//! The engine: everything above behind one handle that threads share.
//!
//! # Consistency
//!
//! A decision reads one snapshot of its tenant, taken once, and the marks as they are at that
//! moment. Publishing a tenant replaces its snapshot as a whole and touches no other tenant.
//! Readers never wait: not for a publication, not for an event.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::compile::SnapshotError;
use crate::decision::{Decision, NAMED_POLICIES, Outcome, PolicyIndex};
use crate::evaluate::{ChallengeMemory, Observer, Unobserved, Verdict, World, evaluate};
use crate::event::Event;
use crate::identifier::{Identifier, TenantId};
use crate::ledger::{Applied, Facts, Retention};
use crate::marks::{Keyring, MarkKey};
use crate::model::TenantModel;
use crate::request::Request;
use crate::settings::{EngineSettings, TenantSettings};
use crate::snapshot::TenantSnapshot;
use crate::snapshot::policy_table::CompiledPolicy;
use crate::timestamp::Timestamp;
use crate::token::{TokenFacts, VerifiedToken};

/// A continuous access evaluation engine. Share it by reference or in an [`Arc`].
///
/// ```
/// use highwater::engine::Engine;
/// use highwater::event::Event;
/// use highwater::model::TenantModel;
/// use highwater::request::Request;
/// use highwater::settings::{EngineSettings, TenantSettings};
/// use highwater::timestamp::Timestamp;
/// use highwater::token::{IssuerProfile, TokenFacts};
///
/// let engine = Engine::new(EngineSettings::default());
/// let tenant = "https://idp.example".parse()?;
/// engine.publish(tenant, &TenantModel::default(), TenantSettings::default())?;
///
/// let claims = serde_json::json!({
///     "iss": "https://idp.example", "sub": "ada", "iat": 1_763_760_000, "exp": 1_763_763_600,
/// });
/// let profile = IssuerProfile::generic("https://idp.example");
/// let facts = TokenFacts::from_claims(claims.as_object().unwrap(), &profile)?;
/// let token = engine.token(facts);
///
/// let request = Request::new(Timestamp::from_seconds(1_763_760_100), None);
/// assert_eq!(engine.decide(&token, &request).status(), 200);
///
/// engine.apply(&Event::from_json(r#"{"time": 1763760050, "tenant": "https://idp.example",
///     "subject": {"user": "ada"}, "effect": "revoke", "source": "idp"}"#)?);
/// assert_eq!(engine.decide(&token, &request).status(), 401);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Engine {
    settings: EngineSettings,
    facts: Facts,
    memory: ChallengeMemory,
    tenants: papaya::HashMap<MarkKey, Arc<TenantSnapshot>>,
    /// What a tenant that is not configured is judged by, if such tenants are accepted.
    empty: Arc<TenantSnapshot>,
    /// The last version given to a snapshot.
    version: AtomicU64,
}

impl Engine {
    /// An engine without tenants and facts, with a secret of its own.
    #[must_use]
    pub fn new(settings: EngineSettings) -> Engine {
        Engine::with_keyring(settings, Keyring::random())
    }

    /// An engine with a given secret, for hosts that bring their own random source.
    #[must_use]
    pub fn with_keyring(settings: EngineSettings, keyring: Keyring) -> Engine {
        let retention = Retention {
            token_lifetime_seconds: settings.longest_token_lifetime,
            session_lifetime_seconds: settings.longest_session_lifetime,
            skew_seconds: settings.retention_margin,
        };
        Engine {
            facts: Facts::new(keyring, retention),
            memory: ChallengeMemory::new(
                keyring,
                settings.loop_budget,
                ChallengeMemory::DEFAULT_CAPACITY,
            ),
            tenants: papaya::HashMap::new(),
            empty: Arc::new(TenantSnapshot::empty()),
            version: AtomicU64::new(0),
            settings,
        }
    }

    /// The engine's settings.
    #[must_use]
    pub fn settings(&self) -> &EngineSettings {
        &self.settings
    }

    /// The secret under which tokens for this engine are made.
    #[must_use]
    pub fn keyring(&self) -> &Keyring {
        self.facts.marks().keyring()
    }

    /// The ledger and its marks: export, merge, streams, retention.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Publishes what `model` says as the new snapshot of `tenant`. Returns its version.
    ///
    /// Decisions that are under way finish with the snapshot that they took.
    ///
    /// # Errors
    /// As [`TenantSnapshot::compile`]; the former snapshot stays.
    pub fn publish(
        &self,
        tenant: TenantId,
        model: &TenantModel,
        settings: TenantSettings,
    ) -> Result<u64, SnapshotError> {
        self.publish_at(self.keyring().tenant_key(&tenant), model, settings)
    }

    /// Publishes what `model` says as the snapshot of every tenant that has none of its own.
    ///
    /// # Errors
    /// As [`Engine::publish`].
    pub fn publish_for_any_tenant(
        &self,
        model: &TenantModel,
        settings: TenantSettings,
    ) -> Result<u64, SnapshotError> {
        self.publish_at(MarkKey::default(), model, settings)
    }

    fn publish_at(
        &self,
        key: MarkKey,
        model: &TenantModel,
        settings: TenantSettings,
    ) -> Result<u64, SnapshotError> {
        let version = self.version.fetch_add(1, Ordering::Relaxed) + 1;
        let snapshot = Arc::new(TenantSnapshot::compile(model, settings, version)?);
        // Two publications may race: the later version stays, whoever comes last.
        let tenants = self.tenants.pin();
        tenants.update_or_insert_with(
            key,
            |known| {
                if known.version() > version {
                    known.clone()
                } else {
                    snapshot.clone()
                }
            },
            || snapshot.clone(),
        );
        Ok(version)
    }

    /// Removes `tenant`: its tokens are refused from now on. Whether it was there.
    pub fn remove(&self, tenant: &TenantId) -> bool {
        self.tenants
            .pin()
            .remove(&self.keyring().tenant_key(tenant))
            .is_some()
    }

    /// The present snapshot of `tenant`.
    #[must_use]
    pub fn snapshot(&self, tenant: &TenantId) -> Option<Arc<TenantSnapshot>> {
        let tenants = self.tenants.pin();
        let key = self.keyring().tenant_key(tenant);
        tenants
            .get(&key)
            .or_else(|| tenants.get(&MarkKey::default()))
            .cloned()
    }

    /// Applies one event. It is in force when this returns.
    pub fn apply(&self, event: &Event) -> Applied {
        self.facts.apply(event)
    }

    /// The caller asserts that these facts come from a token that it has verified: signature,
    /// algorithm, issuer and audience. Keep the result for as long as the token is in use.
    #[must_use]
    pub fn token(&self, facts: TokenFacts) -> VerifiedToken {
        VerifiedToken::assertion(facts, self.keyring())
    }

    /// Decides, and remembers a challenge so that it is not repeated without end.
    pub fn decide(&self, token: &VerifiedToken, request: &Request<'_>) -> Decision {
        self.decide_observed(token, request, &mut Unobserved).0
    }

    /// Decides as [`Engine::decide`], showing every step to `observer`, and returns the snapshot
    /// that was used.
    pub fn decide_observed<O: Observer>(
        &self,
        token: &VerifiedToken,
        request: &Request<'_>,
        observer: &mut O,
    ) -> (Decision, Option<Arc<TenantSnapshot>>) {
        self.with_world(token, request, |world, snapshot| {
            let decision = evaluate(world, token, request, observer);
            if decision.outcome() == Outcome::Challenge {
                self.remember(world, token, request, &decision);
            }
            (decision, if O::THOROUGH { snapshot.cloned() } else { None })
        })
    }

    /// Decides without remembering anything, showing every step to `observer`.
    pub fn observe<O: Observer>(
        &self,
        token: &VerifiedToken,
        request: &Request<'_>,
        observer: &mut O,
    ) -> (Decision, Option<Arc<TenantSnapshot>>) {
        self.with_world(token, request, |world, snapshot| {
            (evaluate(world, token, request, observer), snapshot.cloned())
        })
    }

    fn with_world<R>(
        &self,
        token: &VerifiedToken,
        request: &Request<'_>,
        act: impl FnOnce(&World<'_>, Option<&Arc<TenantSnapshot>>) -> R,
    ) -> R {
        let tenants = self.tenants.pin();
        let snapshot = tenants
            .get(&token.keys().tenant())
            .or_else(|| tenants.get(&MarkKey::default()))
            .or(self.settings.accept_any_tenant.then_some(&self.empty));
        let world = World {
            settings: &self.settings,
            tenant: snapshot.map(|snapshot| &**snapshot),
            marks: self.facts.marks(),
            degraded: self.facts.is_degraded(request.now),
            memory: &self.memory,
        };
        act(&world, snapshot)
    }

    #[cold]
    fn remember(
        &self,
        world: &World<'_>,
        token: &VerifiedToken,
        request: &Request<'_>,
        decision: &Decision,
    ) {
        self.memory.record(token, request.address, request.now);
        let Some(tenant) = world.tenant else { return };
        let note = |policy: &Identifier| {
            self.memory
                .record_policy(token, request.address, policy, request.now);
        };
        if decision.policy_count() <= NAMED_POLICIES {
            for index in decision.policies() {
                if let Some(policy) = tenant.policies().get(index) {
                    note(&policy.id);
                }
            }
        } else {
            // More than a decision names: ask again and listen.
            let _ = evaluate(world, token, request, &mut Violated(note));
        }
    }

    /// Forgets what no living token can be refused by. Returns how many registers went.
    pub fn forget_expired(&self, now: Timestamp) -> usize {
        self.facts.forget_expired(now)
    }
}

/// Passes on every policy with an enforced violation.
struct Violated<F>(F);

impl<F: FnMut(&Identifier)> Observer for Violated<F> {
    const THOROUGH: bool = false;

    fn policy(&mut self, _: PolicyIndex, policy: &CompiledPolicy, verdict: &Verdict) {
        if verdict.is_enforced_in(policy.state) {
            (self.0)(&policy.id);
        }
    }
}

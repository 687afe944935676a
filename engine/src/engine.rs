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
use crate::evaluate::{
    ChallengeMemory, LookedUp, Observer, Scope, Unobserved, Verdict, World, evaluate, judge,
    nothing_can_object, refused_as_usual,
};
use crate::event::Event;
use crate::identifier::{Identifier, TenantId};
use crate::ledger::{Applied, Facts};
use crate::marks::{KeyHash, Keyring, MarkKey};
use crate::model::TenantModel;
use crate::request::Request;
use crate::settings::{EngineSettings, TenantSettings};
use crate::snapshot::TenantSnapshot;
use crate::snapshot::policy_table::{CompiledPolicy, ScopeMask};
use crate::snapshot::slot::{Prepared, TenantSlot};
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
    facts: Arc<Facts>,
    memory: ChallengeMemory,
    tenants: papaya::HashMap<MarkKey, Arc<TenantSlot>, KeyHash>,
    /// Serves every tenant that has no slot of its own.
    any_tenant: Arc<TenantSlot>,
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
        let facts = Facts::new(keyring, settings.retention());
        Engine::with_facts(settings, Arc::new(facts))
    }

    /// An engine over facts that somebody else keeps too: a store makes them durable, and every
    /// event that it applies is in force here. The secret is that of the facts; make them with
    /// [`EngineSettings::retention`], so that nothing is forgotten while a token depends on it.
    #[must_use]
    pub fn with_facts(settings: EngineSettings, facts: Arc<Facts>) -> Engine {
        Engine {
            memory: ChallengeMemory::new(
                *facts.marks().keyring(),
                settings.loop_budget,
                settings.remembered_challenges,
            ),
            facts,
            tenants: papaya::HashMap::default(),
            any_tenant: Arc::default(),
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
    pub fn facts(&self) -> &Arc<Facts> {
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
        let snapshot = self.compile(model, settings)?;
        let version = snapshot.version();
        let tenants = self.tenants.pin();
        let key = self.keyring().tenant_key(&tenant);
        tenants
            .get_or_insert_with(key, Arc::default)
            .publish(snapshot);
        // Tokens of this tenant may have been served by the other slot so far.
        self.any_tenant.invalidate();
        Ok(version)
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
        let snapshot = self.compile(model, settings)?;
        let version = snapshot.version();
        self.any_tenant.publish(snapshot);
        Ok(version)
    }

    fn compile(
        &self,
        model: &TenantModel,
        settings: TenantSettings,
    ) -> Result<Arc<TenantSnapshot>, SnapshotError> {
        // Two publications may race: the later version stays, whoever comes last.
        let version = self.version.fetch_add(1, Ordering::Relaxed) + 1;
        Ok(Arc::new(TenantSnapshot::compile(model, settings, version)?))
    }

    /// Removes what was published for `tenant`: unless something is published for any tenant,
    /// its tokens are refused from now on. Whether there was something.
    pub fn remove(&self, tenant: &TenantId) -> bool {
        let tenants = self.tenants.pin();
        tenants
            .get(&self.keyring().tenant_key(tenant))
            .is_some_and(|slot| slot.clear())
    }

    /// Removes what was published for any tenant: tokens of tenants without a snapshot of their own
    /// are refused from now on. Whether there was something.
    pub fn remove_for_any_tenant(&self) -> bool {
        self.any_tenant.clear()
    }

    /// The present snapshot of `tenant`.
    #[must_use]
    pub fn snapshot(&self, tenant: &TenantId) -> Option<Arc<TenantSnapshot>> {
        self.slot(self.keyring().tenant_key(tenant)).load()
    }

    /// Where the snapshot of a tenant is published.
    fn slot(&self, tenant: MarkKey) -> Arc<TenantSlot> {
        let tenants = self.tenants.pin();
        let own = tenants.get(&tenant).filter(|slot| slot.is_taken());
        own.unwrap_or(&self.any_tenant).clone()
    }

    /// Applies one event. It is in force when this returns.
    pub fn apply(&self, event: &Event) -> Applied {
        self.facts.apply(event)
    }

    /// The caller asserts that these facts come from a token that it has verified: signature,
    /// algorithm, issuer and audience. Keep the result for as long as the token is in use.
    ///
    /// Costs time in the enforced policies of the tenant and the groups of the token; deciding
    /// then costs time only in those policies that may object.
    #[must_use]
    pub fn token(&self, facts: TokenFacts) -> VerifiedToken {
        let mut token = VerifiedToken::assertion(facts, self.keyring());
        self.refresh(&mut token);
        token
    }

    /// Asks the tenant's policies about the token again, after they were published anew.
    ///
    /// Never needed for a right decision, only for a fast one: a token that remembers an older
    /// snapshot is decided with the present one all the same. Returns whether there was
    /// anything to do.
    pub fn refresh(&self, token: &mut VerifiedToken) -> bool {
        if token.current_snapshot().is_some() {
            return false;
        }
        let prepared = self.prepare(token);
        let changed = prepared.is_some();
        token.set_prepared(prepared, self.settings.skew);
        changed
    }

    /// As [`Engine::refresh`], for a token that others read meanwhile: a fresh copy, or `None` if
    /// there is nothing to do.
    #[must_use]
    pub fn refreshed(&self, token: &VerifiedToken) -> Option<VerifiedToken> {
        if token.current_snapshot().is_some() {
            return None;
        }
        let prepared = self.prepare(token)?;
        let mut fresh = token.clone();
        fresh.set_prepared(Some(prepared), self.settings.skew);
        Some(fresh)
    }

    /// What the present snapshot of the token's tenant says about it.
    fn prepare(&self, token: &VerifiedToken) -> Option<(Prepared, ScopeMask)> {
        // Read before the choice between the two slots, which `publish` may change.
        let seen = self.any_tenant.generation();
        let slot = self.slot(token.keys().tenant());
        let is_own = !Arc::ptr_eq(&slot, &self.any_tenant);
        let generation = if is_own { slot.generation() } else { seen };
        Prepared::new(slot, generation, |tenant| {
            let facts = token.facts();
            let resource = facts.audience.as_ref();
            Scope {
                tenant,
                token: facts,
                resource,
                required_context: None,
            }
            .mask()
        })
    }

    /// Decides, and remembers a challenge so that it is not repeated without end.
    #[inline]
    pub fn decide(&self, token: &VerifiedToken, request: &Request<'_>) -> Decision {
        self.decide_with(token, request, |decision| decision)
    }

    /// As [`Engine::decide`], for hosts that keep decisions in a form of their own: `decided` makes
    /// it, and is called once. Inlined where it is called, so that the decision of most requests is
    /// in registers and never in memory.
    #[inline(always)]
    pub fn decide_with<R>(
        &self,
        token: &VerifiedToken,
        request: &Request<'_>,
        decided: impl FnOnce(Decision) -> R,
    ) -> R {
        let Some(snapshot) = self.remembered_snapshot(token) else {
            return decided(self.decide_afresh(token, request));
        };
        let mut looked_up = LookedUp::default();
        let world = self.world(Some(snapshot), request);
        if nothing_can_object(&world, snapshot, token, request, &mut looked_up) {
            return decided(Decision::ALLOWED);
        }
        decided(self.decide_thoroughly(snapshot, looked_up, token, request))
    }

    /// Decides a token that remembers no snapshot, or an old one.
    #[cold]
    #[inline(never)]
    pub(crate) fn decide_afresh(&self, token: &VerifiedToken, request: &Request<'_>) -> Decision {
        self.decide_observed(token, request, &mut Unobserved).0
    }

    /// Decides what a quick look did not settle, and remembers a challenge.
    ///
    /// Apart from the quick look, which is shorter by what this would make it keep.
    #[inline(never)]
    pub(crate) fn decide_thoroughly(
        &self,
        snapshot: &Arc<TenantSnapshot>,
        looked_up: LookedUp,
        token: &VerifiedToken,
        request: &Request<'_>,
    ) -> Decision {
        let world = self.world(Some(snapshot), request);
        let decision = refused_as_usual(&world, snapshot, token, request, &looked_up)
            .unwrap_or_else(|| judge(&world, looked_up, token, request, &mut Unobserved));
        self.remember_challenge(&world, token, request, &decision);
        decision
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
            let decision = self.decide_in(world, token, request, observer);
            (decision, if O::THOROUGH { snapshot.cloned() } else { None })
        })
    }

    /// Decides in a given world, and remembers a challenge.
    #[inline(always)]
    fn decide_in<O: Observer>(
        &self,
        world: &World<'_>,
        token: &VerifiedToken,
        request: &Request<'_>,
        observer: &mut O,
    ) -> Decision {
        let decision = evaluate(world, token, request, observer);
        self.remember_challenge(world, token, request, &decision);
        decision
    }

    /// Remembers the challenge, if `decision` is one.
    #[inline(always)]
    fn remember_challenge(
        &self,
        world: &World<'_>,
        token: &VerifiedToken,
        request: &Request<'_>,
        decision: &Decision,
    ) {
        if decision.outcome() == Outcome::Challenge {
            self.remember(world, token, request, decision);
        }
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
        let act =
            |snapshot: Option<&Arc<TenantSnapshot>>| act(&self.world(snapshot, request), snapshot);
        if let Some(snapshot) = self.remembered_snapshot(token) {
            return act(Some(snapshot));
        }
        let snapshot = self.slot(token.keys().tenant()).load();
        act(snapshot
            .as_ref()
            .or(self.settings.accept_any_tenant.then_some(&self.empty)))
    }

    /// The snapshot that `token` remembers, if it is still the present one. A token of another
    /// engine does not bring that engine's snapshot along.
    #[inline(always)]
    pub(crate) fn remembered_snapshot<'a>(
        &self,
        token: &'a VerifiedToken,
    ) -> Option<&'a Arc<TenantSnapshot>> {
        let is_ours = token.keyring_id() == self.keyring().id();
        token.current_snapshot().filter(|_| is_ours)
    }

    /// What a decision with this snapshot reads.
    #[inline(always)]
    pub(crate) fn world<'a>(
        &'a self,
        snapshot: Option<&'a Arc<TenantSnapshot>>,
        request: &Request<'_>,
    ) -> World<'a> {
        World {
            settings: &self.settings,
            tenant: snapshot.map(|snapshot| &**snapshot),
            marks: self.facts.marks(),
            degraded: self.facts.is_degraded(request.now),
            memory: &self.memory,
        }
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

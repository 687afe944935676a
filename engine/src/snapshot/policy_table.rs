//! Policies as a decision reads them: conditions resolved, order kept, everything precomputed
//! that does not depend on the request.

use super::location_table::LocationCondition;
use crate::decision::PolicyIndex;
use crate::identifier::Identifier;
use crate::model::{
    ApplicationScope, ClientAppTypes, ContinuousAccessEvaluation, DeviceFilter, Grant,
    PlatformScope, PolicyState, RiskLevels, UserScope, WorkloadScope,
};

/// The policies of one tenant, in the order of its documents.
#[derive(Debug, Clone, Default)]
pub struct PolicyTable {
    pub(crate) policies: Vec<CompiledPolicy>,
    /// Policies that a decision must look at on every request: enabled and enforced here.
    pub(crate) enforced: Vec<PolicyIndex>,
    /// Enabled policies that matter only if they changed after the token was issued, the latest
    /// change first.
    pub(crate) by_modification: Vec<(i64, PolicyIndex)>,
    /// Enabled policies that set how continuous access evaluation treats their users.
    pub(crate) modes: Vec<(ContinuousAccessEvaluation, PolicyIndex)>,
}

/// One policy.
#[derive(Debug, Clone)]
pub struct CompiledPolicy {
    /// `id`.
    pub id: Identifier,
    /// `displayName`.
    pub display_name: String,
    /// Whether it counts.
    pub state: PolicyState,
    /// When it was last changed, in seconds.
    pub modified: Option<i64>,
    pub(crate) users: Option<UserScope>,
    pub(crate) workloads: Option<WorkloadScope>,
    pub(crate) applications: Option<ApplicationScope>,
    pub(crate) locations: Option<LocationCondition>,
    pub(crate) user_risk: Option<RiskLevels>,
    pub(crate) service_principal_risk: Option<RiskLevels>,
    pub(crate) client_app_types: Option<ClientAppTypes>,
    pub(crate) platforms: Option<PlatformScope>,
    pub(crate) devices: Option<DeviceFilter>,
    /// Names of conditions that are always unknown here.
    pub(crate) unjudged: Vec<String>,
    pub(crate) grant: Option<Grant>,
    /// Seconds after the last sign-in at which the next one is due.
    pub(crate) sign_in_period: Option<i64>,
    /// Why it is enforced here, if it is (semantics §4.2).
    pub(crate) judged: Judged,
}

/// What about a policy a resource provider judges better than the issuer could.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Judged {
    pub(crate) location: bool,
    pub(crate) risk: bool,
    pub(crate) authentication_context: bool,
    pub(crate) compliant_device: bool,
    pub(crate) sign_in_frequency: bool,
}

impl Judged {
    pub(crate) const fn any(self) -> bool {
        self.location
            || self.risk
            || self.authentication_context
            || self.compliant_device
            || self.sign_in_frequency
    }
}

impl CompiledPolicy {
    /// Whether it is enforced here (semantics §4.2).
    #[must_use]
    pub fn is_enforced_here(&self) -> bool {
        self.state == PolicyState::Enabled && self.judged.any()
    }

    /// Whether its grant blocks.
    pub(crate) fn blocks(&self) -> bool {
        self.grant.as_ref().is_some_and(Grant::blocks)
    }
}

impl PolicyTable {
    /// The policy at `index`; `None` beyond the table.
    #[must_use]
    pub fn get(&self, index: PolicyIndex) -> Option<&CompiledPolicy> {
        self.policies.get(index.index())
    }

    /// The policies that can change a decision about a token issued at second `issued`, each
    /// once; all of them if `all`.
    pub(crate) fn due(
        &self,
        issued: i64,
        all: bool,
    ) -> impl Iterator<Item = (PolicyIndex, &CompiledPolicy)> {
        let enforced = self.enforced.iter().copied();
        let changed = self
            .by_modification
            .iter()
            .take_while(move |(modified, _)| issued <= *modified)
            .map(|&(_, index)| index)
            // Those enforced anyway come with the others.
            .filter(|&index| self.get(index).is_some_and(|policy| !policy.judged.any()));
        let due = enforced
            .chain(changed)
            .take(if all { 0 } else { usize::MAX });
        let every = self.iter().take(if all { usize::MAX } else { 0 });
        due.filter_map(|index| Some((index, self.get(index)?)))
            .chain(every)
    }

    /// How many policies there are, of every state.
    #[must_use]
    pub fn len(&self) -> usize {
        self.policies.len()
    }

    /// Whether there is no policy.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.policies.is_empty()
    }

    /// Every policy with its position.
    pub fn iter(&self) -> impl Iterator<Item = (PolicyIndex, &CompiledPolicy)> {
        self.policies
            .iter()
            .enumerate()
            .filter_map(|(index, policy)| Some((PolicyIndex::new(index)?, policy)))
    }
}

//! Policies as a decision reads them: conditions resolved, order kept, everything precomputed
//! that does not depend on the request.

use super::location_table::LocationCondition;
use super::prefix_table::LocationSetIndex;
use crate::decision::PolicyIndex;
use crate::evaluate::{Condition, Truth};
use crate::event::RiskLevel;
use crate::hint;
use crate::identifier::Identifier;
use crate::model::{
    ApplicationScope, ClientAppTypes, ContinuousAccessEvaluation, DeviceFilter, Grant,
    PlatformScope, PolicyState, RiskLevels, UserScope, WorkloadScope,
};
use crate::token::SubjectKind;

/// The policies of one tenant, in the order of its documents.
#[derive(Debug, Clone, Default)]
pub struct PolicyTable {
    pub(crate) policies: Vec<CompiledPolicy>,
    /// Policies that a decision must look at on every request: enabled and enforced here.
    pub(crate) enforced: Vec<PolicyIndex>,
    /// Enabled policies that are not enforced here: they matter only if they changed after the
    /// token was issued. The latest change first.
    pub(crate) by_modification: Vec<(i64, PolicyIndex)>,
    /// Enabled policies that set how continuous access evaluation treats their users.
    pub(crate) modes: Vec<(ContinuousAccessEvaluation, PolicyIndex)>,
    /// For each location set, which of `enforced` may match at an address in it.
    pub(crate) at_location: PolicyRows,
    /// For each location set, which of `enforced` block at an address in it everyone they concern,
    /// unless the issuer answers for the address: nothing else is to be asked.
    pub(crate) blocks_at: PolicyRows,
    /// For each kind of subject and level of risk, which of `enforced` may match.
    pub(crate) at_risk: PolicyRows,
}

impl ScopeMask {
    /// The scope of the enforced policy at `position`.
    pub(crate) fn scope(&self, position: usize) -> Truth {
        let has = |words: &[u64]| {
            words
                .get(position / 64)
                .is_some_and(|word| word >> (position % 64) & 1 == 1)
        };
        match (has(&self.certain), has(&self.possible)) {
            (true, _) => Truth::True,
            (false, true) => Truth::Unknown,
            (false, false) => Truth::False,
        }
    }
}

/// Sets of enforced policies, one bit for each position in [`PolicyTable::enforced`].
///
/// ```text
///            word 0          word 1
/// row 0   b63 … b1 b0     b63 … b1 b0     row r starts at word r * width
/// row 1   …
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PolicyRows {
    width: usize,
    words: Box<[u64]>,
}

impl PolicyRows {
    /// The most words a table may take: 32 MiB. Beyond, it stays empty and filters nothing.
    const MAXIMUM_WORDS: usize = 1 << 22;

    /// Rows over `policies` policies, `may_match(row, position)` for each bit.
    pub(crate) fn build(
        rows: usize,
        policies: usize,
        mut may_match: impl FnMut(usize, usize) -> bool,
    ) -> PolicyRows {
        let width = policies.div_ceil(64);
        if rows
            .checked_mul(width)
            .is_none_or(|words| words > Self::MAXIMUM_WORDS)
        {
            return PolicyRows::default();
        }
        let mut words = vec![0u64; rows * width];
        for row in 0..rows {
            for position in 0..policies {
                if may_match(row, position) {
                    words[row * width + position / 64] |= 1 << (position % 64);
                }
            }
        }
        PolicyRows {
            width,
            words: words.into(),
        }
    }

    /// Asks for the first rows.
    #[inline]
    pub(crate) fn prefetch(&self) {
        hint::prefetch_first(&self.words);
    }

    /// Asks for the first words of a row.
    #[inline(always)]
    fn expect(&self, row: usize) {
        if let Some(word) = self.words.get(row.wrapping_mul(self.width)) {
            hint::prefetch(word);
        }
    }

    /// One word of a row; all bits where the table filters nothing.
    #[inline(always)]
    fn word(&self, row: usize, word: usize) -> u64 {
        let position = row.wrapping_mul(self.width).wrapping_add(word);
        self.words.get(position).copied().unwrap_or(u64::MAX)
    }

    /// One row; `None` where the table filters nothing.
    pub(crate) fn row(&self, row: usize) -> Option<&[u64]> {
        let start = row.checked_mul(self.width)?;
        self.words
            .get(start..start + self.width)
            .filter(|words| !words.is_empty())
    }
}

/// How many rows [`PolicyTable::at_risk`] has.
pub(crate) const RISK_ROWS: usize = 2 * RiskLevel::ALL.len();

/// The row of [`PolicyTable::at_risk`] for tokens of `kind` at `level`.
pub(crate) const fn risk_row(kind: SubjectKind, level: RiskLevel) -> usize {
    kind as usize * RiskLevel::ALL.len() + level as usize
}

/// Whom the policies concern, as far as it follows from a token alone (users, workload
/// identities, applications), for the positions of [`PolicyTable::enforced`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ScopeMask {
    /// Not certainly out of scope.
    pub(crate) possible: Box<[u64]>,
    /// Certainly in scope.
    pub(crate) certain: Box<[u64]>,
    /// Those of `possible` that may match while no risk is known: words that are not zero, each
    /// after its number. Most tokens have few, however many policies there are.
    pub(crate) quiet: Box<[(u32, u64)]>,
    /// A strict location policy concerns the token, or might.
    pub(crate) strict: bool,
    /// Location checks are switched off for the token.
    pub(crate) switched_off: bool,
}

/// The enforced policies that may object to a token about which nothing is known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quiet<'a> {
    policies: &'a PolicyTable,
    first: u64,
    mask: &'a ScopeMask,
}

impl<'a> Quiet<'a> {
    /// Those of `mask`, whose word 0 is `first` as the token keeps it nearby: the mask itself is
    /// only read where there are more than 64 enforced policies.
    #[inline]
    pub(crate) fn new(policies: &'a PolicyTable, first: u64, mask: &'a ScopeMask) -> Self {
        Quiet {
            policies,
            first,
            mask,
        }
    }

    #[inline]
    fn is_one_word(self) -> bool {
        self.policies.enforced.len() <= 64
    }

    /// Whether there is none, wherever the request comes from.
    #[inline]
    pub(crate) fn is_empty(self) -> bool {
        self.first == 0 && (self.is_one_word() || self.mask.quiet.is_empty())
    }

    /// Those of them that may match at an address in the locations of `set`, or at any address if
    /// it is not known: one bit for each position. `None`: some of more than 64.
    #[inline(always)]
    pub(crate) fn candidates_at(self, set: Option<LocationSetIndex>) -> Option<u64> {
        let may_match = |word: u32, quiet: u64| {
            let rows = &self.policies.at_location;
            quiet & set.map_or(u64::MAX, |set| rows.word(set.index(), word as usize))
        };
        if self.is_one_word() {
            return Some(may_match(0, self.first));
        }
        let mut words = self.mask.quiet.iter();
        let any = words.any(|&(word, quiet)| may_match(word, quiet) != 0);
        (!any).then_some(0)
    }
}

/// Positions that are in every one of some sets, ascending.
#[derive(Debug, Clone)]
pub(crate) struct Candidates<'a, const FILTERS: usize> {
    filters: [Option<&'a [u64]>; FILTERS],
    count: usize,
    next_word: usize,
    /// The positions of the word before `next_word` that are still to come.
    left: u64,
}

impl<const FILTERS: usize> Iterator for Candidates<'_, FILTERS> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        while self.left == 0 {
            let start = self.next_word * 64;
            let more = self.count.checked_sub(start).filter(|&more| more > 0)?;
            self.left = u64::MAX >> 64_usize.saturating_sub(more);
            for filter in self.filters.iter().flatten() {
                self.left &= filter.get(self.next_word).copied().unwrap_or(u64::MAX);
            }
            self.next_word += 1;
        }
        let position = (self.next_word - 1) * 64 + self.left.trailing_zeros() as usize;
        self.left &= self.left - 1;
        Some(position)
    }
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
    /// As [`Grant::blocks`].
    pub(crate) blocks: bool,
    /// The conditions that are configured, `1 << condition`.
    pub(crate) configured: u16,
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

    /// Whether it blocks at some locations everyone it concerns, and asks for nothing else.
    pub(crate) fn only_blocks_locations(&self) -> bool {
        const SCOPE: u16 = 1 << Condition::Users as u16
            | 1 << Condition::ServicePrincipals as u16
            | 1 << Condition::Application as u16;
        let location = Judged {
            location: true,
            ..Judged::default()
        };
        self.blocks
            && self.judged == location
            && self.configured == SCOPE | 1 << Condition::Location as u16
    }

    /// Whether its grant blocks.
    pub(crate) fn blocks(&self) -> bool {
        self.blocks
    }
}

impl PolicyTable {
    /// The policy at `index`; `None` beyond the table.
    #[must_use]
    pub fn get(&self, index: PolicyIndex) -> Option<&CompiledPolicy> {
        self.policies.get(index.index())
    }

    /// Asks for what is known of the policies that may match at an address in the locations of `set`.
    #[inline(always)]
    pub(crate) fn expect_at(&self, set: LocationSetIndex) {
        self.at_location.expect(set.index());
    }

    /// Of the first 64 of `enforced`, those that block at an address in the locations of `set`
    /// everyone they concern; none where no table says so.
    #[inline(always)]
    pub(crate) fn blocks_at(&self, set: LocationSetIndex) -> u64 {
        self.blocks_at.row(set.index()).map_or(0, |row| row[0])
    }

    /// The positions in `enforced` that no filter rules out, in order. A filter that is `None`
    /// rules out nothing.
    pub(crate) fn candidates<'a, const FILTERS: usize>(
        &self,
        filters: [Option<&'a [u64]>; FILTERS],
    ) -> Candidates<'a, FILTERS> {
        Candidates {
            filters,
            count: self.enforced.len(),
            next_word: 0,
            left: 0,
        }
    }

    /// Policies that are not enforced here but changed at or after second `issued`.
    pub(crate) fn changed_since(
        &self,
        issued: i64,
    ) -> impl Iterator<Item = (PolicyIndex, &CompiledPolicy)> {
        self.by_modification
            .iter()
            .take_while(move |(modified, _)| issued <= *modified)
            .filter_map(|&(_, index)| Some((index, self.get(index)?)))
    }

    /// Whether there are policies that are not enforced here but changed at or after `issued`.
    #[inline(always)]
    pub(crate) fn has_changed_since(&self, issued: i64) -> bool {
        self.by_modification
            .first()
            .is_some_and(|(modified, _)| issued <= *modified)
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

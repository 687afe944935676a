//! Whom an event is about, and which tokens that means.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::identifier::Identifier;

/// One way of naming who or what holds a token. The tenant is not a dimension: it is the space
/// in which all of these live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Dimension {
    /// A user, by directory object id.
    User = 0,
    /// A workload identity (service principal), by directory object id.
    Workload = 1,
    /// A session, by `sid`.
    Session = 2,
    /// A single token, by `uti` or `jti`.
    Token = 3,
    /// A device, by `deviceid`.
    Device = 4,
    /// A client application, by `azp` or `appid`.
    App = 5,
}

impl Dimension {
    /// Every dimension, in the order in which members are written.
    pub const ALL: [Dimension; 6] = [
        Dimension::User,
        Dimension::Workload,
        Dimension::Session,
        Dimension::Token,
        Dimension::Device,
        Dimension::App,
    ];

    /// The member name in events and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Dimension::User => "user",
            Dimension::Workload => "workload",
            Dimension::Session => "session",
            Dimension::Token => "token",
            Dimension::Device => "device",
            Dimension::App => "app",
        }
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A set of dimensions, one bit each.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct DimensionSet(u8);

impl DimensionSet {
    /// No dimension: the whole tenant.
    pub const EMPTY: DimensionSet = DimensionSet(0);

    /// How many different sets there are.
    pub const COUNT: usize = 1 << Dimension::ALL.len();

    /// The set as bits, `1 << dimension`.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// The set of the lowest six bits.
    #[must_use]
    pub const fn from_bits(bits: u8) -> DimensionSet {
        DimensionSet(bits & (Self::COUNT as u8 - 1))
    }

    /// This set and `dimension`.
    #[must_use]
    pub const fn with(self, dimension: Dimension) -> DimensionSet {
        DimensionSet(self.0 | 1 << dimension as u8)
    }

    /// Whether `dimension` is in the set.
    #[must_use]
    pub const fn contains(self, dimension: Dimension) -> bool {
        self.0 & (1 << dimension as u8) != 0
    }

    /// Members of both.
    #[must_use]
    pub const fn intersection(self, other: DimensionSet) -> DimensionSet {
        DimensionSet(self.0 & other.0)
    }

    /// Members of this set that are not in `other`.
    #[must_use]
    pub const fn difference(self, other: DimensionSet) -> DimensionSet {
        DimensionSet(self.0 & !other.0)
    }

    /// Whether no dimension is in the set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many dimensions are in the set.
    #[must_use]
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// The members, in the order of [`Dimension::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Dimension> {
        Dimension::ALL
            .into_iter()
            .filter(move |&dimension| self.contains(dimension))
    }

    /// Every non-empty subset.
    pub fn subsets(self) -> impl Iterator<Item = DimensionSet> {
        (1..=self.0)
            .filter(move |bits| bits & !self.0 == 0)
            .map(DimensionSet)
    }
}

impl FromIterator<Dimension> for DimensionSet {
    fn from_iter<I: IntoIterator<Item = Dimension>>(dimensions: I) -> Self {
        dimensions
            .into_iter()
            .fold(DimensionSet::EMPTY, DimensionSet::with)
    }
}

impl fmt::Debug for DimensionSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.iter()).finish()
    }
}

/// Whom an event concerns, inside its tenant.
///
/// No member: the whole tenant. One member: everything of that name. Several members: one
/// principal that all of them describe, so a token is concerned only if every member that it
/// carries is identical and at least one is. A member that the token lacks is ignored
/// (*widen*), unless it is listed in `skip`: then such a token is not concerned.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Subject {
    members: [Option<Identifier>; Dimension::ALL.len()],
    skip: DimensionSet,
}

impl Subject {
    /// The whole tenant.
    #[must_use]
    pub fn tenant() -> Subject {
        Subject::default()
    }

    /// A subject named in one dimension.
    #[must_use]
    pub fn of(dimension: Dimension, identifier: Identifier) -> Subject {
        Subject::default().with(dimension, identifier)
    }

    /// This subject, also named by `identifier` in `dimension`.
    #[must_use]
    pub fn with(mut self, dimension: Dimension, identifier: Identifier) -> Subject {
        self.members[dimension as usize] = Some(identifier);
        self
    }

    /// This subject, not concerning tokens that lack `dimension`.
    #[must_use]
    pub fn skipping(mut self, dimension: Dimension) -> Subject {
        self.skip = self.skip.with(dimension);
        self
    }

    /// The identifier in `dimension`, if the subject has one.
    #[must_use]
    pub fn member(&self, dimension: Dimension) -> Option<&Identifier> {
        self.members[dimension as usize].as_ref()
    }

    /// The dimensions in which the subject is named.
    #[must_use]
    pub fn dimensions(&self) -> DimensionSet {
        Dimension::ALL
            .into_iter()
            .filter(|&dimension| self.member(dimension).is_some())
            .collect()
    }

    /// The dimensions whose absence from a token takes the token out. Only members count, and
    /// only where there are several: a single member always has to be there.
    #[must_use]
    pub fn skip(&self) -> DimensionSet {
        self.skip.intersection(self.dimensions())
    }

    /// The same subject in the one form that equal subjects have: `skip` as [`Self::skip`] tells
    /// it, and empty where there are not several members.
    #[must_use]
    pub(crate) fn normal(mut self) -> Subject {
        let members = self.dimensions();
        self.skip = match members.len() {
            0 | 1 => DimensionSet::EMPTY,
            _ => self.skip.intersection(members),
        };
        self
    }

    /// The members, in the order of [`Dimension::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (Dimension, &Identifier)> {
        Dimension::ALL.into_iter().filter_map(|dimension| {
            self.member(dimension)
                .map(|identifier| (dimension, identifier))
        })
    }

    /// Whether a token that answers `carried` for its dimensions is concerned.
    pub fn concerns<'a>(&self, carried: impl Fn(Dimension) -> Option<&'a str>) -> bool {
        let mut identical = self.dimensions().is_empty();
        for (dimension, identifier) in self.iter() {
            match carried(dimension) {
                Some(value) if value == identifier.as_str() => identical = true,
                Some(_) => return false,
                None if self.skip.contains(dimension) => return false,
                None => {}
            }
        }
        identical
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> Identifier {
        Identifier::new(text).unwrap()
    }

    fn carries<'a>(
        members: &'a [(Dimension, &'a str)],
    ) -> impl Fn(Dimension) -> Option<&'a str> + use<'a> {
        move |dimension| {
            members
                .iter()
                .find(|(name, _)| *name == dimension)
                .map(|(_, value)| *value)
        }
    }

    #[test]
    fn a_conjunction_needs_one_identical_member_and_no_different_one() {
        let subject = Subject::of(Dimension::User, id("ada")).with(Dimension::Session, id("s1"));
        assert!(subject.concerns(carries(&[
            (Dimension::User, "ada"),
            (Dimension::Session, "s1")
        ])));
        assert!(!subject.concerns(carries(&[
            (Dimension::User, "ada"),
            (Dimension::Session, "s2")
        ])));
        assert!(!subject.concerns(carries(&[(Dimension::Device, "d")])));
    }

    #[test]
    fn an_absent_member_widens_unless_it_is_skipped() {
        let subject = Subject::of(Dimension::User, id("ada")).with(Dimension::Session, id("s1"));
        let without_session = [(Dimension::User, "ada")];
        assert!(subject.concerns(carries(&without_session)));
        assert!(
            !subject
                .skipping(Dimension::Session)
                .concerns(carries(&without_session))
        );
    }

    #[test]
    fn an_empty_subject_concerns_every_token_of_the_tenant() {
        assert!(Subject::tenant().concerns(carries(&[])));
    }

    #[test]
    fn subsets_of_a_set_are_all_there() {
        let set: DimensionSet = [Dimension::User, Dimension::App].into_iter().collect();
        assert_eq!(set.subsets().count(), 3);
        assert!(
            set.subsets()
                .all(|subset| subset.difference(set).is_empty())
        );
    }

    #[test]
    fn a_dimension_put_in_twice_is_in_once() {
        let set = DimensionSet::EMPTY.with(Dimension::User);
        assert_eq!(set.with(Dimension::User), set);
        assert_eq!(format!("{:?}", set.with(Dimension::App)), "{User, App}");
        assert_eq!(Dimension::User.to_string(), "user");
    }

    #[test]
    fn a_member_alone_cannot_be_skipped() {
        let ada = || Subject::of(Dimension::User, id("ada"));
        assert_eq!(ada().skipping(Dimension::User).normal(), ada());
        let both = || ada().with(Dimension::Device, id("d"));
        let skipping = both().skipping(Dimension::Device);
        assert_eq!(skipping.clone().skipping(Dimension::App).normal(), skipping);
        assert_ne!(skipping.normal(), both());
    }
}

//! Named locations as a decision asks about them: is this address in one of these?
//!
//! Ranges, imported MFA trusted IPs and the country table all live in one [`PrefixTable`], each
//! as a location of its own. A location that only a signal of the host can answer has no prefix
//! here and is part of the compiled condition instead.

use std::net::IpAddr;

use ipnet::IpNet;

use super::prefix_table::{LocationIndex, LocationSet, LocationSetIndex, PrefixTable};
use crate::evaluate::Truth;
use crate::identifier::Identifier;

/// The locations of one tenant.
#[derive(Debug, Clone, Default)]
pub struct LocationTable {
    pub(crate) prefixes: PrefixTable,
    /// By [`LocationIndex`]: what `explain` calls the location; `None` for helpers of ours.
    pub(crate) names: Vec<Option<LocationName>>,
    /// The location of all addresses whose country is known; `None` without a country table.
    pub(crate) known_country: Option<LocationIndex>,
}

/// How a location is shown to people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocationName {
    /// The named location's id.
    pub id: Identifier,
    /// Its display name.
    pub display_name: String,
}

/// An address, looked up once for all policies of one decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The address, IPv4-mapped IPv6 folded to IPv4.
    pub address: IpAddr,
    /// The locations that contain it.
    pub set: LocationSetIndex,
}

impl Place {
    /// `address`, which was found to be in the locations of `set`.
    pub(crate) fn new(address: IpAddr, set: LocationSetIndex) -> Place {
        Place {
            address: address.to_canonical(),
            set,
        }
    }
}

/// What the host says of the request's network, for locations that need it.
#[derive(Clone, Copy, Debug, Default)]
pub struct NetworkSignals {
    /// ISO 3166-1 alpha-2 code of the client's country.
    pub country: Option<[u8; 2]>,
    /// Whether the client came through the compliant network.
    pub compliant_network: Option<bool>,
}

/// One side, include or exclude, of a location condition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LocationSide {
    /// `All`.
    pub all: bool,
    /// Locations of ranges, sorted.
    pub ranges: Vec<LocationIndex>,
    /// Locations of countries.
    pub countries: Vec<CountryLocation>,
    /// The compliant network.
    pub compliant_network: bool,
    /// Something that nobody here can judge.
    pub unknown: bool,
}

/// A location of countries, as compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountryLocation {
    /// ISO 3166-1 alpha-2 codes, sorted.
    pub countries: Vec<[u8; 2]>,
    /// Whether an address of unknown country is in the location.
    pub include_unknown: bool,
    /// By GPS: never judged here.
    pub by_gps: bool,
    /// Its place in the table.
    pub index: LocationIndex,
}

/// A compiled location condition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LocationCondition {
    /// `includeLocations`.
    pub include: LocationSide,
    /// `excludeLocations`.
    pub exclude: LocationSide,
}

impl LocationTable {
    /// Looks an address up.
    #[must_use]
    pub fn place(&self, address: IpAddr) -> Place {
        Place::new(address, self.set_of(address))
    }

    /// The locations that contain `address`, as one number.
    #[inline(always)]
    pub(crate) fn set_of(&self, address: IpAddr) -> LocationSetIndex {
        self.prefixes.lookup(address)
    }

    /// As [`set_of`](Self::set_of) for many addresses, with the waiting for memory overlapped.
    #[inline]
    pub(crate) fn sets_of(&self, addresses: &[IpAddr], sets: &mut [LocationSetIndex]) {
        self.prefixes.lookup_batch(addresses, sets);
    }

    /// Whether the table is small enough to stay in a second-level cache.
    #[inline]
    pub(crate) fn is_near(&self) -> bool {
        self.prefixes.is_near()
    }

    /// Asks for the lines of the table itself that a lookup reads.
    #[inline]
    pub(crate) fn prefetch(&self) {
        self.prefixes.prefetch();
    }

    /// Asks for all that a lookup of `address` reads, if it is in a small tree.
    #[inline]
    pub(crate) fn expect_small(&self, address: IpAddr) {
        self.prefixes.expect_small(address);
    }

    /// Asks for the memory that [`place`](Self::place) with the same address is going to touch.
    #[inline]
    pub(crate) fn expect(&self, address: IpAddr) {
        self.prefixes.expect(address);
    }

    /// Whether `condition` matches at `place`; `None` is an address that is not known.
    #[must_use]
    pub fn matches(
        &self,
        condition: &LocationCondition,
        place: Option<Place>,
        signals: NetworkSignals,
    ) -> Truth {
        self.matches_at(
            condition,
            place.map(|place| self.prefixes.set(place.set)),
            signals,
        )
    }

    /// Whether `condition` matches, without signals, at an address in `set`.
    pub(crate) fn matches_in(&self, condition: &LocationCondition, set: LocationSet<'_>) -> Truth {
        self.matches_at(condition, Some(set), NetworkSignals::default())
    }

    fn matches_at(
        &self,
        condition: &LocationCondition,
        set: Option<LocationSet<'_>>,
        signals: NetworkSignals,
    ) -> Truth {
        let included = self.any(&condition.include, set, signals);
        if included == Truth::False {
            return Truth::False;
        }
        included.and(self.any(&condition.exclude, set, signals).not())
    }

    fn any(
        &self,
        side: &LocationSide,
        set: Option<LocationSet<'_>>,
        signals: NetworkSignals,
    ) -> Truth {
        if side.all {
            return Truth::True;
        }
        let mut answer = if side.unknown {
            Truth::Unknown
        } else {
            Truth::False
        };
        if side.compliant_network {
            answer = answer.or(signals.compliant_network.into());
        }
        for country in &side.countries {
            answer = answer.or(self.in_country(country, set, signals.country));
        }
        if !side.ranges.is_empty() {
            let inside = |set: LocationSet<'_>| {
                !set.is_empty() && side.ranges.iter().any(|&location| set.contains(location))
            };
            answer = answer.or(set.map(inside).into());
        }
        answer
    }

    fn in_country(
        &self,
        location: &CountryLocation,
        set: Option<LocationSet<'_>>,
        signal: Option<[u8; 2]>,
    ) -> Truth {
        if location.by_gps {
            return Truth::Unknown;
        }
        if let Some(country) = signal {
            return location.countries.binary_search(&country).is_ok().into();
        }
        match (self.known_country, set) {
            (Some(known), Some(set)) => (set.contains(location.index)
                || (location.include_unknown && !set.contains(known)))
            .into(),
            _ => Truth::Unknown,
        }
    }

    /// The locations that contain `place`, each with the longest prefix that does, for people.
    pub fn containing(&self, place: Place) -> impl Iterator<Item = (&LocationName, Option<IpNet>)> {
        self.prefixes
            .set(place.set)
            .iter()
            .filter_map(move |location| {
                let name = self.names.get(location.index())?.as_ref()?;
                Some((name, self.prefixes.covering_prefix(place.address, location)))
            })
    }
}

//! Named locations: sets of addresses, countries or networks that policies refer to.

use ipnet::IpNet;

use super::policy::Origin;
use crate::identifier::Identifier;
use crate::timestamp::Timestamp;

/// One named location. Graph `namedLocation`.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedLocation {
    /// `id`, or a stable one made from file and position where the document has none.
    pub id: Identifier,
    /// `displayName`; empty where missing.
    pub display_name: String,
    /// What the location covers.
    pub kind: NamedLocationKind,
    /// `modifiedDateTime`.
    pub modified: Option<Timestamp>,
    /// Where the location was read.
    pub origin: Origin,
}

/// What a named location covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamedLocationKind {
    /// `ipNamedLocation`.
    Ranges {
        /// The prefixes, host bits masked. May overlap.
        ranges: Vec<IpNet>,
        /// `isTrusted`: part of `AllTrusted`.
        trusted: bool,
    },
    /// `countryNamedLocation`.
    Countries {
        /// ISO 3166-1 alpha-2 codes in upper case.
        countries: Vec<[u8; 2]>,
        /// `includeUnknownCountriesAndRegions`.
        include_unknown: bool,
        /// `countryLookupMethod` is `authenticatorAppGps`: never judged by address.
        by_gps: bool,
    },
    /// `compliantNetworkNamedLocation`.
    CompliantNetwork {
        /// `isTrusted`: part of `AllTrusted`.
        trusted: bool,
    },
    /// A kind that this version does not know: unknown for every address.
    Unknown {
        /// The `@odata.type` found.
        odata_type: String,
    },
}

/// Which prefixes belong to which country, from a country database or plain lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CountryTable {
    /// Prefix and ISO 3166-1 alpha-2 code in upper case. Where prefixes nest, the longest wins.
    pub prefixes: Vec<(IpNet, [u8; 2])>,
}

//! What became of the documents: what compiled, what was refused, what to look at, and what
//! this engine cannot judge.

use serde::Serialize;

/// The outcome of reading a set of documents.
///
/// Serialises to the JSON object that `highwater check --format json` prints.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// How many files were read.
    pub files: usize,
    /// The policies that compiled, by state.
    pub policies: PolicyCounts,
    /// The named locations that compiled.
    pub locations: usize,
    /// The prefixes of those locations, by address family.
    pub ranges: RangeCounts,
    /// What could not be read. Not empty: the set of documents must not be published.
    pub refused: Vec<Refused>,
    /// What compiled and deserves a look.
    pub warnings: Vec<Warning>,
    /// Conditions and controls that only the issuer, or nobody, can judge.
    pub not_judged: Vec<NotJudged>,
}

impl Report {
    /// Whether every document compiled. If not, keep the previous snapshot: a policy left out
    /// would allow what it forbids.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.refused.is_empty()
    }
}

/// How many policies compiled, by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PolicyCounts {
    /// `enabled`.
    pub enabled: usize,
    /// `enabledForReportingButNotEnforced`.
    pub report_only: usize,
    /// `disabled`, soft-deleted, or a template.
    pub disabled: usize,
}

/// How many prefixes the named locations list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RangeCounts {
    /// IPv4 prefixes.
    pub ipv4: usize,
    /// IPv6 prefixes.
    pub ipv6: usize,
}

/// A document, or a part of one, that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// The file, as the caller named it.
    pub file: String,
    /// JSON Pointer inside the file; empty for the whole file. Line number in plain lists.
    pub path: String,
    /// What is wrong.
    pub reason: String,
    /// What to do.
    pub remedy: String,
}

/// Something that compiled and deserves a look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// The file, as the caller named it.
    pub file: String,
    /// JSON Pointer inside the file; empty for the whole file. Line number in plain lists.
    pub path: String,
    /// What kind of warning.
    pub code: WarningCode,
    /// What was found and how it is treated.
    pub message: String,
}

/// A condition or control that cannot be judged here, and who carries it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NotJudged {
    /// The name in the document, such as `signInRiskLevels` or `grantControls.termsOfUse`.
    pub condition: String,
    /// Ids of the policies that carry it, sorted.
    pub policies: Vec<String>,
}

/// The kinds of warning. `docs/documents.md` explains each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WarningCode {
    /// A template has no state; it compiles as disabled.
    TemplateWithoutState,
    /// An entry of a user, group, role, workload or application list is no object id.
    UnresolvedReference,
    /// A policy refers to a location that no document defines.
    DanglingLocation,
    /// A range has bits set behind its prefix; they are masked.
    HostBits,
    /// An IPv4-mapped IPv6 range was read as the IPv4 range it stands for.
    MappedRange,
    /// A range without prefix length was read as a single address.
    BareAddress,
    /// A range as wide as /0 to /8.
    WideRange,
    /// A range that is never seen on the public internet.
    PrivateRange,
    /// A location lists only IPv4 or only IPv6 ranges.
    SingleAddressFamily,
    /// A location lists nothing.
    EmptyLocation,
    /// A country code that ISO 3166-1 does not assign.
    UnknownCountry,
    /// A location kind that this version does not know.
    UnknownLocationKind,
    /// A strict location policy, but no policy lists the ranges it should be strict about.
    StrictWithoutRanges,
    /// `strictEnforcement` was withdrawn; it is read as `strictLocation`.
    StrictEnforcement,
    /// A `continuousAccessEvaluation` control whose mode is missing or unknown.
    ContinuousAccessEvaluationMode,
    /// A condition is present and includes nothing, so its policy never applies.
    InvalidCondition,
    /// A value that this version does not know, in a condition that becomes unknown.
    UnknownValue,
    /// A device filter whose rule cannot be read; the condition becomes unknown.
    DeviceRule,
    /// Several grant controls without an operator; all are required.
    OperatorMissing,
    /// An enabled policy demands nothing.
    EmptyPolicy,
    /// A document occurs twice with the same content.
    DuplicateDocument,
    /// A member occurs twice with the same value.
    DuplicateMember,
    /// A time that cannot be read; treated as not stated.
    UnreadableTime,
    /// A file that holds no document.
    EmptyFile,
    /// A soft-deleted document.
    Deleted,
    /// A country location, but no country table is loaded.
    NoCountryTable,
    /// A policy refers to the MFA trusted IPs, but their ranges are not loaded.
    NoTrustedIps,
    /// An update without content; what it refers to stays as it was.
    NoContent,
    /// More warnings of this file were left out.
    More,
}

impl WarningCode {
    /// Every code, in the order of `docs/documents.md`.
    pub const ALL: [WarningCode; 29] = [
        WarningCode::TemplateWithoutState,
        WarningCode::UnresolvedReference,
        WarningCode::DanglingLocation,
        WarningCode::HostBits,
        WarningCode::MappedRange,
        WarningCode::BareAddress,
        WarningCode::WideRange,
        WarningCode::PrivateRange,
        WarningCode::SingleAddressFamily,
        WarningCode::EmptyLocation,
        WarningCode::UnknownCountry,
        WarningCode::UnknownLocationKind,
        WarningCode::StrictWithoutRanges,
        WarningCode::StrictEnforcement,
        WarningCode::ContinuousAccessEvaluationMode,
        WarningCode::InvalidCondition,
        WarningCode::UnknownValue,
        WarningCode::DeviceRule,
        WarningCode::OperatorMissing,
        WarningCode::EmptyPolicy,
        WarningCode::DuplicateDocument,
        WarningCode::DuplicateMember,
        WarningCode::UnreadableTime,
        WarningCode::EmptyFile,
        WarningCode::Deleted,
        WarningCode::NoCountryTable,
        WarningCode::NoTrustedIps,
        WarningCode::NoContent,
        WarningCode::More,
    ];

    /// The code as it stands in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            WarningCode::TemplateWithoutState => "template_without_state",
            WarningCode::UnresolvedReference => "unresolved_reference",
            WarningCode::DanglingLocation => "dangling_location",
            WarningCode::HostBits => "host_bits",
            WarningCode::MappedRange => "mapped_range",
            WarningCode::BareAddress => "bare_address",
            WarningCode::WideRange => "wide_range",
            WarningCode::PrivateRange => "private_range",
            WarningCode::SingleAddressFamily => "single_address_family",
            WarningCode::EmptyLocation => "empty_location",
            WarningCode::UnknownCountry => "unknown_country",
            WarningCode::UnknownLocationKind => "unknown_location_kind",
            WarningCode::StrictWithoutRanges => "strict_without_ranges",
            WarningCode::StrictEnforcement => "strict_enforcement",
            WarningCode::ContinuousAccessEvaluationMode => "continuous_access_evaluation_mode",
            WarningCode::InvalidCondition => "invalid_condition",
            WarningCode::UnknownValue => "unknown_value",
            WarningCode::DeviceRule => "device_rule",
            WarningCode::OperatorMissing => "operator_missing",
            WarningCode::EmptyPolicy => "empty_policy",
            WarningCode::DuplicateDocument => "duplicate_document",
            WarningCode::DuplicateMember => "duplicate_member",
            WarningCode::UnreadableTime => "unreadable_time",
            WarningCode::EmptyFile => "empty_file",
            WarningCode::Deleted => "deleted",
            WarningCode::NoCountryTable => "no_country_table",
            WarningCode::NoTrustedIps => "no_trusted_ips",
            WarningCode::NoContent => "no_content",
            WarningCode::More => "more",
        }
    }
}

impl std::fmt::Display for WarningCode {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_explained_and_written_as_it_is_named() {
        let page = include_str!("../../../docs/documents.md");
        let explained: Vec<_> = page
            .lines()
            .skip_while(|line| *line != "## Warnings")
            .take_while(|line| *line != "## Not judged here")
            .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
            .collect();
        let codes: Vec<_> = WarningCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(explained, codes);
        for code in WarningCode::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
            assert_eq!(code.to_string(), code.as_str());
        }
    }
}

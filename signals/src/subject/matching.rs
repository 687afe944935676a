//! Whether two subject identifiers may name the same principal (SSF 1.0 section 8.1.3.1).
//!
//! The letter of the text lets two complex subjects without a common member match, because
//! every member is undefined on one side. The working group agreed to correct that: at least one
//! member must be there on both sides and identical.

use super::{Name, SubjectId};

/// Whether the two identifiers match: for complex subjects, every member that both have is the
/// same, and there is at least one such member.
#[must_use]
pub fn matches(one: &SubjectId, other: &SubjectId) -> bool {
    match (one, other) {
        (SubjectId::Complex(one), SubjectId::Complex(other)) => {
            let mut common = one
                .iter()
                .filter_map(|(name, member)| other.get(name).map(|found| (member, found)))
                .peekable();
            common.peek().is_some() && common.all(|(member, found)| matches(member, found))
        }
        (SubjectId::Complex(_), _) | (_, SubjectId::Complex(_)) => false,
        (one, other) => names(one)
            .iter()
            .any(|name| names(other).iter().any(|found| same(name, found))),
    }
}

fn names(subject: &SubjectId) -> &[Name] {
    match subject {
        SubjectId::Simple(name) => std::slice::from_ref(name),
        SubjectId::Aliases(names) => names,
        SubjectId::Complex(_) => &[],
    }
}

fn same(one: &Name, other: &Name) -> bool {
    match (one, other) {
        // A format that nobody agreed on names nothing, so it is not even itself.
        (Name::Unknown { .. }, _) | (_, Name::Unknown { .. }) => false,
        (
            Name::IpAddresses { addresses },
            Name::IpAddresses {
                addresses: other, ..
            },
        ) => {
            addresses.iter().all(|address| other.contains(address))
                && other.iter().all(|address| addresses.contains(address))
        }
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opaque(id: &str) -> Name {
        Name::Opaque { id: id.to_owned() }
    }

    #[test]
    fn disjoint_complex_subjects_do_not_match() {
        let user = SubjectId::complex([("user", opaque("u"))]);
        let device = SubjectId::complex([("device", opaque("d"))]);
        let both = SubjectId::complex([("user", opaque("u")), ("device", opaque("d"))]);
        assert!(!matches(&user, &device));
        assert!(matches(&user, &both));
        assert!(matches(&both, &device));
    }

    #[test]
    fn an_unknown_format_matches_nothing_not_even_itself() {
        let unknown = SubjectId::Simple(Name::Unknown {
            format: "x".to_owned(),
        });
        assert!(!matches(&unknown, &unknown));
    }

    #[test]
    fn addresses_match_in_any_order_and_all_of_them() {
        let addresses = |texts: &[&str]| {
            SubjectId::Simple(Name::IpAddresses {
                addresses: texts.iter().map(|text| text.parse().unwrap()).collect(),
            })
        };
        let both = addresses(&["192.0.2.1", "2001:db8::1"]);
        assert!(matches(&both, &addresses(&["2001:0db8:0::1", "192.0.2.1"])));
        for other in [&["192.0.2.1"][..], &["192.0.2.1", "192.0.2.2"]] {
            let other = addresses(other);
            assert!(!matches(&both, &other) && !matches(&other, &both));
        }
    }

    #[test]
    fn any_alias_is_enough() {
        let aliases = SubjectId::Aliases(vec![opaque("a"), opaque("b")]);
        assert!(matches(&aliases, &opaque("b").into()));
        assert!(!matches(&aliases, &opaque("c").into()));
    }
}

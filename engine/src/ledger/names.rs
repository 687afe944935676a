//! Names that many registers repeat, kept once.
//!
//! A ledger has millions of subjects, and few tenants and sources. What was seen lately is found
//! in a small table of fixed size: whoever invents names drives others out of it and costs
//! memory, never a wrong answer.

use crate::identifier::Identifier;

/// Places in the table, a power of two.
const PLACES: usize = 16;

/// Names seen lately.
#[derive(Debug, Default)]
pub(super) struct Names([Option<Identifier>; PLACES]);

impl Names {
    /// Replaces `name` by an equal one that is there already, or remembers it.
    pub(super) fn share(&mut self, name: &mut Identifier) {
        let place = &mut self.0[place(name.as_str())];
        match place {
            Some(known) if known == name => name.clone_from(known),
            _ => *place = Some(name.clone()),
        }
    }
}

/// Where a name belongs. Names differ near their end, if at all.
fn place(name: &str) -> usize {
    let last = name.bytes().rev().take(8);
    let mixed = last.fold(name.len(), |mixed, byte| {
        mixed.wrapping_mul(31).wrapping_add(usize::from(byte))
    });
    (mixed ^ mixed >> 8) % PLACES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_names_become_one() {
        let name = |text: &str| Identifier::new(text).unwrap();
        let mut names = Names::default();
        let mut first = name("contoso");
        names.share(&mut first);
        let mut second = name("contoso");
        names.share(&mut second);
        assert!(std::ptr::eq(first.as_str(), second.as_str()));
        for number in 0..100 {
            let text = format!("tenant-{number}");
            let mut other = name(&text);
            names.share(&mut other);
            assert_eq!(other.as_str(), text);
        }
    }
}

//! Three-valued answers, combined as Kleene does.

/// Whether something holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Truth {
    /// It does not.
    NoMatch,
    /// Nobody here can tell.
    Unknown,
    /// It does.
    Match,
}

impl Truth {
    /// What is known of a plain fact.
    #[must_use]
    pub fn from_known(known: Option<bool>) -> Truth {
        match known {
            Some(true) => Truth::Match,
            Some(false) => Truth::NoMatch,
            None => Truth::Unknown,
        }
    }

    /// A fact that is certain.
    #[must_use]
    pub fn certain(holds: bool) -> Truth {
        Truth::from_known(Some(holds))
    }

    /// Both hold.
    #[must_use]
    pub fn and(self, other: Truth) -> Truth {
        self.min(other)
    }

    /// One of them holds.
    #[must_use]
    pub fn or(self, other: Truth) -> Truth {
        self.max(other)
    }

    /// It does not hold.
    #[must_use]
    pub fn negate(self) -> Truth {
        match self {
            Truth::NoMatch => Truth::Match,
            Truth::Unknown => Truth::Unknown,
            Truth::Match => Truth::NoMatch,
        }
    }

    /// Where it would hold, only somebody else knows.
    #[must_use]
    pub fn doubted(self) -> Truth {
        self.min(Truth::Unknown)
    }
}

/// All of them hold; an empty list holds.
#[must_use]
pub fn all(truths: impl IntoIterator<Item = Truth>) -> Truth {
    truths.into_iter().fold(Truth::Match, Truth::and)
}

/// One of them holds; an empty list does not.
#[must_use]
pub fn any(truths: impl IntoIterator<Item = Truth>) -> Truth {
    truths.into_iter().fold(Truth::NoMatch, Truth::or)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_kleenes() {
        use Truth::{Match, NoMatch, Unknown};
        assert_eq!(all([Match, Unknown, NoMatch]), NoMatch);
        assert_eq!(all([Match, Unknown]), Unknown);
        assert_eq!(all([]), Match);
        assert_eq!(any([NoMatch, Unknown, Match]), Match);
        assert_eq!(any([NoMatch, Unknown]), Unknown);
        assert_eq!(any([]), NoMatch);
        assert_eq!(Unknown.negate(), Unknown);
        assert_eq!(Match.doubted(), Unknown);
        assert_eq!(NoMatch.doubted(), NoMatch);
    }
}

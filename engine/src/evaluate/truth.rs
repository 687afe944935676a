//! Three-valued answers, combined as Kleene does.

/// What is known about a statement. The order is that of certainty in its favour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Truth {
    /// It is known not to hold.
    False = 0,
    /// Nobody here can tell.
    Unknown = 1,
    /// It is known to hold.
    True = 2,
}

impl Truth {
    /// Both hold.
    #[must_use]
    pub fn and(self, other: Truth) -> Truth {
        self.min(other)
    }

    /// At least one holds.
    #[must_use]
    pub fn or(self, other: Truth) -> Truth {
        self.max(other)
    }

    /// It does not hold.
    #[must_use]
    pub const fn not(self) -> Truth {
        match self {
            Truth::False => Truth::True,
            Truth::Unknown => Truth::Unknown,
            Truth::True => Truth::False,
        }
    }

    /// Certain in either direction.
    #[must_use]
    pub const fn is_known(self) -> bool {
        !matches!(self, Truth::Unknown)
    }
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Truth {
        if holds { Truth::True } else { Truth::False }
    }
}

impl From<Option<bool>> for Truth {
    /// `None` is [`Truth::Unknown`].
    fn from(holds: Option<bool>) -> Truth {
        holds.map_or(Truth::Unknown, Truth::from)
    }
}

#[cfg(test)]
mod tests {
    use super::Truth::{self, False, True, Unknown};

    #[test]
    fn kleene_tables() {
        for a in [False, Unknown, True] {
            assert_eq!(a.and(False), False);
            assert_eq!(a.and(True), a);
            assert_eq!(a.or(True), True);
            assert_eq!(a.or(False), a);
            assert_eq!(a.not().not(), a);
            assert_eq!(a.is_known(), a != Unknown);
            for b in [False, Unknown, True] {
                assert_eq!(a.and(b).not(), a.not().or(b.not()));
            }
        }
        assert_eq!(Unknown.and(Unknown), Unknown);
        assert_eq!(Truth::from(None), Unknown);
        assert_eq!((Truth::from(true), Truth::from(false)), (True, False));
    }
}

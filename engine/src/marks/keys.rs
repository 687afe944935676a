//! Keys of the marks table: keyed hashes of everything that names a token's holder.
//!
//! Identifiers are chosen by others: users pick session ids, transmitters pick subjects. A secret
//! per engine turns each into 128 bits that nobody outside can predict, so nobody can aim at
//! another subject's mark. The hashes are computed once per token, not once per request.

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};

use siphasher::sip128::{Hasher128, SipHasher24};

use crate::event::{Dimension, DimensionSet, Subject};
use crate::identifier::{Identifier, TenantId};

/// The secret under which one engine hashes identifiers.
#[derive(Clone, Copy)]
pub struct Keyring {
    secret: [u64; 2],
    id: u64,
}

impl Keyring {
    /// A keyring with a given secret, such as 128 bits from the host's random source.
    #[must_use]
    pub fn from_seed(secret: [u64; 2]) -> Keyring {
        // A hash under the secret names the keyring without giving the secret away.
        let id = SipHasher24::new_with_keys(secret[0], secret[1])
            .hash(b"keyring")
            .h1;
        Keyring { secret, id }
    }

    /// A keyring with a secret of its own, from the entropy that also seeds the standard
    /// library's hash maps.
    #[must_use]
    pub fn random() -> Keyring {
        let state = RandomState::new();
        Keyring::from_seed([state.hash_one(0_u8), state.hash_one(1_u8)])
    }

    /// A number that tells two keyrings apart and is safe to print.
    #[must_use]
    pub const fn id(&self) -> u64 {
        self.id
    }

    fn hash(&self, bytes: &[u8]) -> MarkKey {
        MarkKey(
            SipHasher24::new_with_keys(self.secret[0], self.secret[1])
                .hash(bytes)
                .as_u128(),
        )
    }

    /// 128 bits that name `parts` under `label`, for tables other than the marks.
    pub(crate) fn fingerprint(&self, label: &str, parts: &[&[u8]]) -> u128 {
        let mut text = label.as_bytes().to_vec();
        for part in parts {
            // Lengths keep neighbours apart; labels start with no byte that a key starts with.
            text.extend_from_slice(&part.len().to_le_bytes());
            text.extend_from_slice(part);
        }
        self.hash(&text).0
    }

    /// 128 bits that name a policy. Neither allocates nor fails.
    pub(crate) fn policy(&self, policy: &Identifier) -> u128 {
        // No other text is hashed that starts with this byte.
        let mut hasher = SipHasher24::new_with_keys(self.secret[0], self.secret[1]);
        hasher.write_u8(POLICY);
        hasher.write(policy.as_str().as_bytes());
        hasher.finish128().as_u128()
    }

    pub(crate) fn tenant_key(&self, tenant: &TenantId) -> MarkKey {
        let mut text = Vec::with_capacity(tenant.as_str().len() + 1);
        text.push(TENANT);
        text.extend_from_slice(tenant.as_str().as_bytes());
        self.hash(&text)
    }

    /// The tenant's own hash stands for its text: it is as exact, and of fixed length, so the
    /// parts cannot run into one another.
    fn member(&self, tenant: MarkKey, dimension: Dimension, identifier: &str) -> MarkKey {
        let mut text = Vec::with_capacity(identifier.len() + 18);
        text.push(MEMBER);
        text.extend_from_slice(&tenant.0.to_le_bytes());
        text.push(dimension as u8);
        text.extend_from_slice(identifier.as_bytes());
        self.hash(&text)
    }

    fn conjunction(&self, kind: u8, sets: [DimensionSet; 2], keys: &SubjectKeys) -> MarkKey {
        let mut text = [0_u8; 3 + 16 * Dimension::ALL.len()];
        text[0] = kind;
        text[1] = sets[0].bits();
        text[2] = sets[1].bits();
        let mut length = 3;
        for dimension in sets[1].iter() {
            let member = keys.keys[1 + dimension as usize].0.to_le_bytes();
            text[length..length + 16].copy_from_slice(&member);
            length += 16;
        }
        self.hash(&text[..length])
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Keyring({:016x})", self.id)
    }
}

// The first byte of every hashed text, so that texts of different kinds never coincide.
const TENANT: u8 = 0;
const MEMBER: u8 = 1;
const CONJUNCTION: u8 = 2;
const SUBJECT: u8 = 3;
const POLICY: u8 = 4;

/// The exact key of one mark: 128 bits that stand for a tenant and members in it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct MarkKey(u128);

impl MarkKey {
    /// The key as a number, for tables that place it.
    #[must_use]
    pub const fn bits(self) -> u128 {
        self.0
    }

    /// A key made from a number, for benches and models that need many keys quickly.
    #[must_use]
    pub const fn from_bits(bits: u128) -> MarkKey {
        MarkKey(bits)
    }

    /// One of `count` shards. Takes bits that the marks table does not place by.
    pub(crate) const fn shard(self, count: usize) -> usize {
        (self.0 as u16) as usize % count
    }
}

impl fmt::Debug for MarkKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "MarkKey({:032x})", self.0)
    }
}

/// The keys of everything that one token carries, computed once per token.
///
/// They are only good with marks of the same [`Keyring`]; marks of another one refuse the token
/// rather than miss what is known about it.
///
/// ```text
/// line 0   keyring │ plain │ tenant │ user    │ workload      mostly this one alone is read
/// line 1   session         │ token  │ device  │ app
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct SubjectKeys {
    keyring: u64,
    /// The shapes whose key is in `keys` as it stands, one bit each: that of the tenant and those
    /// of the single dimensions that the token carries.
    plain: u64,
    /// The tenant's, then those of [`Dimension::ALL`].
    keys: [MarkKey; 1 + Dimension::ALL.len()],
}

/// The shapes of at most one dimension, one bit each.
const PLAIN: u64 = 1 | 1 << 1 | 1 << 2 | 1 << 4 | 1 << 8 | 1 << 16 | 1 << 32;

impl SubjectKeys {
    /// The keys of a token of `tenant` that answers `carried` for its dimensions, in the form
    /// that [`Identifier`](crate::identifier::Identifier) keeps.
    pub fn new<'a>(
        keyring: &Keyring,
        tenant: &TenantId,
        carried: impl Fn(Dimension) -> Option<&'a str>,
    ) -> SubjectKeys {
        let tenant = keyring.tenant_key(tenant);
        let mut keys = SubjectKeys {
            keyring: keyring.id,
            plain: 1,
            keys: [MarkKey::default(); 1 + Dimension::ALL.len()],
        };
        keys.keys[0] = tenant;
        for dimension in Dimension::ALL {
            if let Some(identifier) = carried(dimension) {
                keys.plain |= 1 << DimensionSet::EMPTY.with(dimension).bits();
                keys.keys[1 + dimension as usize] = keyring.member(tenant, dimension, identifier);
            }
        }
        keys
    }

    /// The keys of a subject's own members.
    pub(crate) fn of_subject(
        keyring: &Keyring,
        tenant: &TenantId,
        subject: &Subject,
    ) -> SubjectKeys {
        SubjectKeys::new(keyring, tenant, |dimension| {
            subject.member(dimension).map(|member| member.as_str())
        })
    }

    /// The key of the token's tenant.
    pub(crate) const fn tenant(&self) -> MarkKey {
        self.keys[0]
    }

    /// The dimensions that the token carries.
    #[must_use]
    pub fn dimensions(&self) -> DimensionSet {
        Dimension::ALL
            .into_iter()
            .filter(|&dimension| self.plain >> DimensionSet::EMPTY.with(dimension).bits() & 1 == 1)
            .fold(DimensionSet::EMPTY, DimensionSet::with)
    }

    /// The [`Keyring::id`] under which the keys were made.
    #[must_use]
    pub const fn keyring_id(&self) -> u64 {
        self.keyring
    }

    /// The key under which marks of subjects with exactly the members `shape` are found by a
    /// token that shares `present` of them: `None` if the token shares nothing of a subject that
    /// has members. `keyring` is the one that the keys were made with.
    #[must_use]
    pub fn key(&self, keyring: &Keyring, shape: DimensionSet) -> Option<MarkKey> {
        if shape.is_empty() {
            return Some(self.tenant());
        }
        let present = shape.intersection(self.dimensions());
        if present.is_empty() {
            return None;
        }
        Some(self.projection(keyring, shape, present))
    }

    /// Of the shapes in `used`, one bit each, those whose keys need no hashing: the keys.
    #[inline(always)]
    pub(super) fn plain(&self, used: u64) -> impl Iterator<Item = MarkKey> {
        let mut left = used & self.plain;
        std::iter::from_fn(move || {
            let shape = (left != 0).then(|| left.trailing_zeros())?;
            left &= left - 1;
            // 0, 1, 2, 4, …, 32 become 0, 1, 2, 3, …, 6.
            let position = (2 * shape + 1).ilog2();
            self.keys.get(position as usize).copied()
        })
    }

    /// Of the shapes in `used`, one bit each, those of several members: the keys, hashed now.
    #[cold]
    #[inline(never)]
    pub(super) fn conjunctions(&self, keyring: &Keyring, used: u64, mut each: impl FnMut(MarkKey)) {
        let mut left = used & !PLAIN;
        while left != 0 {
            let shape = DimensionSet::from_bits(left.trailing_zeros() as u8);
            left &= left - 1;
            self.key(keyring, shape).into_iter().for_each(&mut each);
        }
    }

    /// The key of the members `present` of a subject whose members are `shape`.
    pub(crate) fn projection(
        &self,
        keyring: &Keyring,
        shape: DimensionSet,
        present: DimensionSet,
    ) -> MarkKey {
        if shape.len() == 1 {
            // A single member is its own key: no second hash on the common path.
            return self.keys[1 + shape.bits().trailing_zeros() as usize];
        }
        keyring.conjunction(CONJUNCTION, [shape, present], self)
    }

    /// The key of a subject as a whole, `skip` included: what its registers are filed under.
    pub(crate) fn subject_key(&self, keyring: &Keyring, skip: DimensionSet) -> MarkKey {
        let members = self.dimensions();
        match members.len() {
            0 => self.tenant(),
            1 => self.projection(keyring, members, members),
            _ => keyring.conjunction(SUBJECT, [skip, members], self),
        }
    }
}

/// Whether `used`, one bit per shape, has shapes of several members.
#[inline]
pub(super) const fn has_conjunctions(used: u64) -> bool {
    used & !PLAIN != 0
}

impl PartialEq for Keyring {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Keyring {}

impl fmt::Debug for SubjectKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SubjectKeys")
            .field("keyring", &format_args!("{:016x}", self.keyring))
            .field("carried", &self.dimensions())
            .finish_non_exhaustive()
    }
}

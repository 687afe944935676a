//! Many IPv4 prefixes: a flat trie.

mod build;
mod flat;
mod segment;
#[cfg(test)]
mod tests;

pub(super) use self::flat::Flat;
use super::map::{FamilyAddress, MANY};
use super::register::PrefixRegister;

/// From this many prefixes on, the flat trie is faster, and not much larger if the prefixes are in
/// few of the networks of 8 bits: each of these costs a kibibyte.
const DENSE_FROM: usize = 512;

/// How many prefixes pay for the kibibyte of a network of 8 bits: 16 bytes each.
const DENSE: usize = 64;

impl FamilyAddress for u32 {
    type Large<L: super::leaf::Leaf> = Flat<L>;

    fn are_many(register: &PrefixRegister<u32>) -> bool {
        register.len() >= MANY || is_dense(register)
    }
}

/// Whether the prefixes are many enough for the networks of 8 bits that they are in.
fn is_dense(register: &PrefixRegister<u32>) -> bool {
    if register.len() < DENSE_FROM {
        return false;
    }
    let mut networks = [false; 256];
    for prefix in register.within(u32::MIN, u32::MAX) {
        networks[(prefix.first() >> 24) as usize] = true;
    }
    networks.into_iter().filter(|&taken| taken).count() * DENSE <= register.len()
}

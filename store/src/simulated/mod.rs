//! A disk and a bus without hardware or network, on which everything goes wrong on command: for
//! tests of this package and for the simulation. No part of the public interface.
//!
//! Whatever is random is asked of the caller ([`Choose`]), so that one seed is one run.

mod bus;
mod disk;
mod image;

pub use bus::{Bus, Member};
pub use disk::{Disk, Fault, SECTOR};

/// Chooses a number below the given one.
pub type Choose<'a> = &'a mut dyn FnMut(usize) -> usize;

//! Structs of several versions: each begins with its size, grows at its end only, and zero
//! behind what a version knows means what that version does.
//!
//! A program that was compiled with an older header hands over a shorter struct, one with a
//! newer header a longer one. Longer is taken as long as what this version does not know is
//! zero, because then nothing was asked that would be ignored.

use crate::error::{Failure, Outcome};
use crate::status::highwater_status;

/// No version of any struct is larger.
const MAXIMUM_SIZE: usize = 4096;

/// Whether a struct can be read as `T`, if its size is not that of `T`.
///
/// # Safety
/// - `place` is valid for reading `size` bytes.
#[cold]
pub(crate) unsafe fn check_size<T>(name: &str, place: *const T, size: usize) -> Outcome {
    let known = size_of::<T>();
    fits::<T>(name, size)?;
    // SAFETY: so many bytes are readable by the caller's promise.
    let behind = unsafe { std::slice::from_raw_parts(place.cast::<u8>().add(known), size - known) };
    if behind.iter().any(|&byte| byte != 0) {
        return Err(wrong(
            name,
            format!(
                "`{name}` says more than this version of the library knows; update the library"
            ),
        ));
    }
    Ok(())
}

/// Whether a struct of this size can hold a `T`, whatever lies behind it.
#[cold]
pub(crate) fn fits<T>(name: &str, size: usize) -> Outcome {
    let known = size_of::<T>();
    if size < known || size > MAXIMUM_SIZE || !size.is_multiple_of(align_of::<T>()) {
        return Err(wrong(
            name,
            format!("`{name}.size` is {size}; set it to `sizeof`, which is {known} here"),
        ));
    }
    Ok(())
}

fn wrong(name: &str, message: String) -> Failure {
    Failure::at(highwater_status::WrongSize, message, format!("{name}.size"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[repr(C)]
    struct Small {
        size: usize,
        value: u64,
    }

    #[test]
    fn larger_structs_are_taken_if_nothing_unknown_is_said() {
        let mut longer = [0u64; 4];
        let check = |bytes: &[u64; 4], size| {
            // SAFETY: 32 bytes are readable, and no larger size gets past the first check.
            unsafe { check_size("small", bytes.as_ptr().cast::<Small>(), size) }
                .map_err(|failure| failure.status())
        };
        assert_eq!(check(&longer, 32), Ok(()));
        assert_eq!(check(&longer, 16), Ok(()));
        for size in [0, 8, 17, 4097, usize::MAX] {
            assert_eq!(check(&longer, size), Err(highwater_status::WrongSize));
        }
        longer[3] = 1;
        assert_eq!(check(&longer, 24), Ok(()));
        assert_eq!(check(&longer, 32), Err(highwater_status::WrongSize));
    }
}

//! What the machine allows: one access to a random cache line among as many bytes.

/// As many cache lines as make up a structure, each holding a number.
#[derive(Debug, Clone)]
pub(crate) struct Floor {
    lines: std::rc::Rc<Vec<[u64; 8]>>,
}

impl Floor {
    pub(crate) fn new(bytes: usize) -> Self {
        let lines = (0..bytes.div_ceil(64).max(1) as u64)
            .map(|line| [line; 8])
            .collect::<Vec<_>>();
        Self {
            lines: lines.into(),
        }
    }

    /// The same on huge pages, where the system offers them.
    pub(crate) fn on_huge_pages(bytes: usize) -> Self {
        let count = bytes.div_ceil(64).max(1);
        let mut lines: Vec<[u64; 8]> = Vec::with_capacity(count);
        #[cfg(target_os = "linux")]
        {
            let memory = lines.spare_capacity_mut();
            let start = memory.as_mut_ptr().addr().next_multiple_of(4096);
            let end = (memory.as_ptr().addr() + size_of_val(memory)) / 4096 * 4096;
            let first = memory.as_mut_ptr().with_addr(start);
            // SAFETY: the advice keeps the contents of the range.
            // The range is page aligned and within the vector's own memory.
            unsafe {
                libc::madvise(first.cast(), end.saturating_sub(start), libc::MADV_HUGEPAGE);
            }
        }
        lines.extend((0..count as u64).map(|line| [line; 8]));
        Self {
            lines: lines.into(),
        }
    }

    /// One access, at a line that `input` chooses.
    #[inline(always)]
    pub(crate) fn access(&self, input: u64) -> u32 {
        let spread = input.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let line = ((u128::from(spread) * self.lines.len() as u128) >> 64) as usize;
        self.lines[line][0] as u32
    }
}

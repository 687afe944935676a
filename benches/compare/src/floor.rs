//! What the machine allows: one access to a random cache line among as many bytes.

/// As many cache lines as make up a structure, each holding a number.
#[derive(Debug, Clone)]
pub(crate) struct Floor {
    lines: std::rc::Rc<[[u64; 8]]>,
}

impl Floor {
    pub(crate) fn new(bytes: usize) -> Self {
        let lines = (0..bytes.div_ceil(64).max(1) as u64)
            .map(|line| [line; 8])
            .collect();
        Self { lines }
    }

    /// One access, at a line that `input` chooses.
    #[inline(always)]
    pub(crate) fn access(&self, input: u64) -> u32 {
        let spread = input.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let line = ((u128::from(spread) * self.lines.len() as u128) >> 64) as usize;
        self.lines[line][0] as u32
    }
}

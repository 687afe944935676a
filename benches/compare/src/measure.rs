//! How long one operation takes, in two honest ways.
//!
//! *Throughput*: independent operations, one after the other; the processor overlaps them.
//! *Latency*: the input of each depends on the result of the one before, through an instruction
//! that neither compiler nor processor sees through, so that nothing overlaps.

use std::hint::black_box;
use std::time::Instant;

/// Runs over all inputs and adds up the answers.
type Run<I> = Box<dyn Fn(&[I]) -> u64>;

/// Something that answers inputs of type `I` with a number.
pub(crate) struct Subject<I> {
    pub(crate) name: &'static str,
    pub(crate) bytes: Option<usize>,
    throughput: Run<I>,
    latency: Option<Run<I>>,
    answer: Box<dyn Fn(&I) -> u32>,
}

impl<I: Copy + 'static> Subject<I> {
    /// A subject that answers one input at a time.
    pub(crate) fn single(
        name: &'static str,
        bytes: Option<usize>,
        answer: impl Fn(&I) -> u32 + Clone + 'static,
    ) -> Self {
        let (single, dependent) = (answer.clone(), answer.clone());
        Self {
            name,
            bytes,
            throughput: Box::new(move |inputs| {
                inputs.iter().map(|input| u64::from(single(input))).sum()
            }),
            latency: Some(Box::new(move |inputs| {
                let (mut sum, mut zero) = (0, 0);
                for position in 0..inputs.len() {
                    let answer = dependent(&inputs[position + zero]);
                    zero = dependent_zero(answer) as usize;
                    sum += u64::from(answer);
                }
                sum
            })),
            answer: Box::new(answer),
        }
    }

    /// A subject that answers many inputs at once; `sum` adds up its answers.
    pub(crate) fn batch(
        name: &'static str,
        bytes: Option<usize>,
        sum: impl Fn(&[I]) -> u64 + Clone + 'static,
    ) -> Self {
        let one = sum.clone();
        Self {
            name,
            bytes,
            throughput: Box::new(sum),
            latency: None,
            // The sum over one input is its answer.
            answer: Box::new(move |input| one(std::slice::from_ref(input)) as u32),
        }
    }
}

/// Zero, but only known once `value` is.
#[inline(always)]
fn dependent_zero(value: u32) -> u32 {
    #[cfg(target_arch = "x86_64")]
    {
        let mut zero = value;
        // SAFETY: the instruction changes the named register and the flags, nothing else.
        unsafe {
            std::arch::asm!("and {0:e}, 0", inout(reg) zero, options(pure, nomem, nostack));
        }
        zero
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        black_box(value) & black_box(0)
    }
}

/// Compares the answers of all `subjects` with those of the first.
pub(crate) fn check<I: std::fmt::Debug>(
    subjects: &[Subject<I>],
    inputs: &[I],
) -> Result<(), String> {
    let Some((first, others)) = subjects.split_first() else {
        return Ok(());
    };
    for input in inputs {
        let expected = (first.answer)(input);
        for other in others {
            let actual = (other.answer)(input);
            if actual != expected {
                let (name, first) = (other.name, first.name);
                return Err(format!(
                    "{input:?}: {name} answers {actual}, {first} {expected}"
                ));
            }
        }
    }
    Ok(())
}

/// Which way of measuring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Throughput,
    Latency,
}

/// Median nanoseconds per input for every subject, after a round that only warms up; nothing for
/// a batch that is asked for its latency.
pub(crate) fn medians<I>(
    subjects: &[Subject<I>],
    inputs: &[I],
    mode: Mode,
    rounds: usize,
) -> Vec<Option<f64>> {
    let mut times = vec![Vec::with_capacity(rounds); subjects.len()];
    for round in 0..=rounds {
        for (subject, times) in subjects.iter().zip(&mut times) {
            let run = match mode {
                Mode::Throughput => Some(&subject.throughput),
                Mode::Latency => subject.latency.as_ref(),
            };
            let Some(run) = run else { continue };
            let start = Instant::now();
            black_box(run(black_box(inputs)));
            let elapsed = start.elapsed().as_nanos() as f64 / inputs.len() as f64;
            if round > 0 {
                times.push(elapsed);
            }
        }
    }
    times.into_iter().map(median).collect()
}

/// The middle of `times`.
pub(crate) fn median(mut times: Vec<f64>) -> Option<f64> {
    times.sort_unstable_by(f64::total_cmp);
    times.get(times.len() / 2).copied()
}

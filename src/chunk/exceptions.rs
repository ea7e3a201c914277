//! Samples kept bit for bit beside their stream's integers: NaN, infinities, gaps, glitches.
//!
//! A stream's exceptions are stored in blocks, one for each [`SPAN`] samples that have any, so
//! that a partial read needs only its own. A block is a list of runs and the CRC-32 of it:
//!
//! | field | meaning |
//! |---|---|
//! | varint | samples between the end of the run before (the span's start) and this run |
//! | varint | (length − 1)·4 + kind: 0 the value of the run before (zero bits at first), repeated · 1 a new value, repeated · 2 a value for each sample |
//! | samples | none, one, or length of them, little-endian |

use super::bytes::{Cursor, put_varint};
use crate::error::{Error, Result};
use crate::sample::Sample;

/// Samples that a block of exceptions covers.
pub const SPAN: usize = 1 << 16;

const AGAIN: usize = 0;
const NEW: usize = 1;
const LITERAL: usize = 2;

/// A run of samples of equal bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    start: usize,
    length: usize,
    bits: u64,
}

/// Exceptions of a stream, or of a part of it, in ascending order.
#[derive(Clone, Debug, Default)]
pub struct Exceptions {
    runs: Vec<Run>,
}

impl Exceptions {
    /// Adds `length` samples of the same bits, after all that were added before.
    pub fn add(&mut self, start: usize, length: usize, bits: u64) {
        match self.runs.last_mut() {
            Some(last) if last.start + last.length == start && last.bits == bits => {
                last.length += length;
            }
            _ => self.runs.push(Run { start, length, bits }),
        }
    }

    /// Adds those of a later part.
    pub fn append(&mut self, later: &Exceptions) {
        for run in &later.runs {
            self.add(run.start, run.length, run.bits);
        }
    }

    /// How many runs of equal samples they are.
    pub fn runs(&self) -> usize {
        self.runs.len()
    }

    /// Removes all.
    pub fn clear(&mut self) {
        self.runs.clear();
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Appends the block of each span of a stream of `length` samples; `ends` receives where
    /// each stops (a span without exceptions has no bytes).
    pub fn write<T: Sample>(&self, length: usize, out: &mut Vec<u8>, ends: &mut Vec<usize>) {
        let mut runs = self.runs.iter().copied().peekable();
        for span in (0..length).step_by(SPAN) {
            let end = span + SPAN;
            let begin = out.len();
            let (mut at, mut last) = (span, 0);
            while let Some(run) = runs.peek().copied().filter(|run| run.start < end) {
                let start = run.start.max(span);
                let repeated = (run.start + run.length).min(end) - start;
                put_varint((start - at) as u64, out);
                if run.start + run.length == start + 1 && run.bits != last {
                    // As many single samples as follow each other directly.
                    let mut values = Vec::new();
                    let mut next = start;
                    while let Some(run) = runs.next_if(|run| {
                        // One that goes on beyond the span is left for the next.
                        run.start.max(span) == next
                            && run.start + run.length == next + 1
                            && next < end
                    }) {
                        values.push(T::from_bits(run.bits));
                        next += 1;
                    }
                    let kind = if values.len() == 1 { NEW } else { LITERAL };
                    put_varint(((values.len() - 1) * 4 + kind) as u64, out);
                    let place = out.len();
                    out.resize(place + values.len() * T::SIZE, 0);
                    T::write_slice(&values, true, &mut out[place..]);
                    last = values[values.len() - 1].bits();
                    at = next;
                    continue;
                }
                let kind = if run.bits == last { AGAIN } else { NEW };
                put_varint(((repeated - 1) * 4 + kind) as u64, out);
                if kind == NEW {
                    let place = out.len();
                    out.resize(place + T::SIZE, 0);
                    T::write_slice(&[T::from_bits(run.bits)], true, &mut out[place..]);
                }
                last = run.bits;
                at = start + repeated;
                if run.start + run.length <= end {
                    runs.next();
                } else {
                    break;
                }
            }
            if out.len() > begin {
                let crc = crc32fast::hash(&out[begin..]);
                out.extend_from_slice(&crc.to_le_bytes());
            }
            ends.push(out.len());
        }
    }
}

/// Reads the block of the span that starts at sample `span` of a stream of `length` samples, and
/// hands each run of equal samples (start, length, value) to `run`.
///
/// # Errors
/// `Corrupt` or `Truncated`.
pub fn read<T: Sample>(
    block: &[u8],
    span: usize,
    length: usize,
    verify: bool,
    mut run: impl FnMut(usize, usize, T),
) -> Result<()> {
    let (list, crc) =
        block.split_last_chunk().ok_or_else(|| Error::truncated("exceptions of under 4 bytes"))?;
    if verify && crc32fast::hash(list) != u32::from_le_bytes(*crc) {
        return Err(Error::corrupt("the exceptions do not match their CRC-32"));
    }
    let end = length.min(span.saturating_add(SPAN));
    let mut cursor = Cursor::new(list);
    let mut at = span;
    let mut value = T::from_bits(0);
    while cursor.left() > 0 {
        let gap = cursor.size()?;
        let code = cursor.size()?;
        let count = (code >> 2) + 1;
        let start = at.checked_add(gap).filter(|&start| start < end && count <= end - start);
        let Some(start) = start else {
            return Err(Error::corrupt(format!(
                "{count} exceptions {gap} samples after sample {at}, past the span's end at {end}"
            )));
        };
        let mut one = || -> Result<T> {
            let mut one = [T::default()];
            T::read_slice(cursor.take(T::SIZE)?, true, &mut one);
            Ok(one[0])
        };
        match code & 3 {
            AGAIN => run(start, count, value),
            NEW => {
                value = one()?;
                run(start, count, value);
            }
            LITERAL => {
                for i in 0..count {
                    value = one()?;
                    run(start + i, 1, value);
                }
            }
            _ => return Err(Error::corrupt("exceptions of kind 3; known are 0 to 2")),
        }
        at = start + count;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn back(blocks: &[u8], ends: &[usize], length: usize) -> Vec<(usize, u64)> {
        let mut all = Vec::new();
        let mut from = 0;
        for (i, &end) in ends.iter().enumerate() {
            if end > from {
                read::<u16>(&blocks[from..end], i * SPAN, length, true, |start, count, x| {
                    all.extend((start..start + count).map(|at| (at, x.bits())));
                })
                .unwrap();
            }
            from = end;
        }
        all
    }

    proptest! {
        #[test]
        fn every_exception_comes_back(
            steps in prop::collection::vec((0_usize..3000, 1_usize..9000, 0_u64..3), 0..60),
            tail in 1_usize..5,
        ) {
            let mut exceptions = Exceptions::default();
            let mut expected = Vec::new();
            let mut at = 0;
            for &(gap, length, bits) in &steps {
                let (gap, length) = (gap.saturating_sub(2000), length.saturating_sub(6000).max(1));
                at += gap;
                exceptions.add(at, length, bits);
                expected.extend((at..at + length).map(|i| (i, bits)));
                at += length;
            }
            let length = at + tail;
            let (mut blocks, mut ends) = (Vec::new(), Vec::new());
            exceptions.write::<u16>(length, &mut blocks, &mut ends);
            prop_assert_eq!(ends.len(), length.div_ceil(SPAN));
            prop_assert_eq!(back(&blocks, &ends, length), expected);
        }

        #[test]
        fn no_block_reaches_out_of_its_span(
            bytes in prop::collection::vec(any::<u8>(), 0..64), length in 1_usize..200_000,
        ) {
            let mut block = bytes.clone();
            block.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
            let span = (length - 1) / SPAN * SPAN;
            let _ = read::<u32>(&block, span, length, true, |start, count, _| {
                assert!(span <= start && count > 0 && start + count <= length);
            });
        }
    }

    #[test]
    fn runs_that_begin_at_the_end_of_a_span_go_on_in_the_next() {
        let mut exceptions = Exceptions::default();
        exceptions.add(SPAN - 2, 1, 5);
        exceptions.add(SPAN - 1, 3, 6);
        exceptions.add(SPAN + 2, 1, 7);
        let (mut blocks, mut ends) = (Vec::new(), Vec::new());
        exceptions.write::<u16>(SPAN + 9, &mut blocks, &mut ends);
        let expected: Vec<(usize, u64)> = (SPAN - 2..).zip([5, 6, 6, 6, 7]).collect();
        assert_eq!(back(&blocks, &ends, SPAN + 9), expected);
    }

    #[test]
    fn a_long_gap_costs_a_few_bytes() {
        let mut exceptions = Exceptions::default();
        exceptions.add(10, 60_000, u64::from(u16::MAX));
        let (mut blocks, mut ends) = (Vec::new(), Vec::new());
        exceptions.write::<u16>(65_000, &mut blocks, &mut ends);
        assert!(blocks.len() <= 10, "{}", blocks.len());
        assert!(read::<u16>(&blocks[..blocks.len() - 1], 0, 65_000, true, |_, _, _| ()).is_err());
        blocks[1] ^= 1;
        assert!(read::<u16>(&blocks, 0, 65_000, true, |_, _, _| ()).is_err());
    }
}

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

/// Exceptions of a stream, or of a part of it, in ascending order: little more than the bytes that
/// they will have in a chunk.
#[derive(Clone, Debug, Default)]
pub struct Exceptions {
    /// All runs but the last one, in parts of [`PART`] bytes or a little more. Of each run: varints
    /// of the samples since the run before in the part (since the stream's first for the first), of
    /// twice its length less 1, plus 1 if its bits are those of the run before, and else of its bits.
    parts: Vec<Vec<u8>>,
    last: Option<Run>,
    /// End and bits of the last run of the open part, if there is one.
    open: Option<(usize, u64)>,
    count: usize,
}

/// Bytes of a part: it is let go of when it was read.
const PART: usize = 1 << 14;

impl Exceptions {
    /// Adds `length` samples of the same bits, after all that were added before.
    pub fn add(&mut self, start: usize, length: usize, bits: u64) {
        match &mut self.last {
            Some(last) if last.start + last.length == start && last.bits == bits => {
                last.length += length;
            }
            _ => {
                self.store();
                self.last = Some(Run { start, length, bits });
                self.count += 1;
            }
        }
    }

    /// Stores the last run.
    fn store(&mut self) {
        let Some(Run { start, length, bits }) = self.last.take() else { return };
        let (end, before) = match self.open {
            Some(open) => open,
            None => {
                self.parts.push(Vec::new());
                (0, 0)
            }
        };
        let part = self.parts.last_mut().expect("an open part");
        let again = bits == before;
        put_varint((start - end) as u64, part);
        put_varint((2 * (length - 1) + usize::from(again)) as u64, part);
        if !again {
            put_varint(bits, part);
        }
        self.open = (part.len() < PART).then_some((start + length, bits));
        if self.open.is_none() {
            part.shrink_to_fit();
        }
    }

    /// Adds those of a later part of the stream.
    pub fn append(&mut self, mut later: Exceptions) {
        self.store();
        later.store();
        self.open = None;
        self.parts.append(&mut later.parts);
        self.count += later.count;
    }

    /// How many runs of equal samples they are.
    pub fn runs(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The runs, neighbours of equal bits as one.
    fn into_runs(mut self) -> impl Iterator<Item = Run> {
        self.store();
        let stored = self.parts.into_iter().flat_map(|part| {
            let (mut at, mut end, mut bits) = (0, 0, 0);
            std::iter::from_fn(move || {
                if at == part.len() {
                    return None;
                }
                let mut cursor = Cursor::new(&part[at..]);
                let mut number = || cursor.varint().expect("what `store` wrote");
                let start = end + number() as usize;
                let code = number() as usize;
                if code & 1 == 0 {
                    bits = number();
                }
                let length = code / 2 + 1;
                (at, end) = (part.len() - cursor.left(), start + length);
                Some(Run { start, length, bits })
            })
        });
        let mut stored = stored.peekable();
        std::iter::from_fn(move || {
            let mut run = stored.next()?;
            let follows = |run: &Run, next: &Run| {
                next.start == run.start + run.length && next.bits == run.bits
            };
            while let Some(next) = stored.next_if(|next| follows(&run, next)) {
                run.length += next.length;
            }
            Some(run)
        })
    }

    /// Hands the block of each span of a stream of `length` samples to `out`; a span without
    /// exceptions has no bytes.
    pub fn write<T: Sample>(self, length: usize, mut out: impl FnMut(&[u8])) {
        let mut runs = self.into_runs().peekable();
        let mut block = Vec::new();
        for span in (0..length).step_by(SPAN) {
            let end = span + SPAN;
            block.clear();
            let (mut at, mut last) = (span, 0);
            while let Some(run) = runs.peek().copied().filter(|run| run.start < end) {
                let start = run.start.max(span);
                let repeated = (run.start + run.length).min(end) - start;
                put_varint((start - at) as u64, &mut block);
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
                    put_varint(((values.len() - 1) * 4 + kind) as u64, &mut block);
                    let place = block.len();
                    block.resize(place + values.len() * T::SIZE, 0);
                    T::write_slice(&values, true, &mut block[place..]);
                    last = values[values.len() - 1].bits();
                    at = next;
                    continue;
                }
                let kind = if run.bits == last { AGAIN } else { NEW };
                put_varint(((repeated - 1) * 4 + kind) as u64, &mut block);
                if kind == NEW {
                    let place = block.len();
                    block.resize(place + T::SIZE, 0);
                    T::write_slice(&[T::from_bits(run.bits)], true, &mut block[place..]);
                }
                last = run.bits;
                at = start + repeated;
                if run.start + run.length <= end {
                    runs.next();
                } else {
                    break;
                }
            }
            if !block.is_empty() {
                let crc = crc32fast::hash(&block);
                block.extend_from_slice(&crc.to_le_bytes());
            }
            out(&block);
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

    fn add_block(block: &[u8], blocks: &mut Vec<u8>, ends: &mut Vec<usize>) {
        blocks.extend_from_slice(block);
        ends.push(blocks.len());
    }

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
            parted in 1_usize..20,
        ) {
            let [mut exceptions, mut later] = [(); 2].map(|()| Exceptions::default());
            let mut expected = Vec::new();
            let mut at = 0;
            for (i, &(gap, length, bits)) in steps.iter().enumerate() {
                if i % parted == 0 {
                    exceptions.append(std::mem::take(&mut later));
                }
                let (gap, length) = (gap.saturating_sub(2000), length.saturating_sub(6000).max(1));
                at += gap;
                later.add(at, length, bits);
                expected.extend((at..at + length).map(|i| (i, bits)));
                at += length;
            }
            exceptions.append(later);
            let length = at + tail;
            let (mut blocks, mut ends) = (Vec::new(), Vec::new());
            exceptions.write::<u16>(length, |block| add_block(block, &mut blocks, &mut ends));
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
        exceptions.write::<u16>(SPAN + 9, |block| add_block(block, &mut blocks, &mut ends));
        let expected: Vec<(usize, u64)> = (SPAN - 2..).zip([5, 6, 6, 6, 7]).collect();
        assert_eq!(back(&blocks, &ends, SPAN + 9), expected);
    }

    #[test]
    fn a_long_gap_costs_a_few_bytes() {
        let mut exceptions = Exceptions::default();
        exceptions.add(10, 60_000, u64::from(u16::MAX));
        let (mut blocks, mut ends) = (Vec::new(), Vec::new());
        exceptions.write::<u16>(65_000, |block| add_block(block, &mut blocks, &mut ends));
        assert!(blocks.len() <= 10, "{}", blocks.len());
        assert!(read::<u16>(&blocks[..blocks.len() - 1], 0, 65_000, true, |_, _, _| ()).is_err());
        blocks[1] ^= 1;
        assert!(read::<u16>(&blocks, 0, 65_000, true, |_, _, _| ()).is_err());
    }
}

//! Which Rice parameters code a residual in the fewest bits (RFC 9639 section 9.2.7).

use super::bit_writer::BitWriter;
use crate::simd::Kernels;

/// Largest Rice parameters: the next value of 4 and 5 bits is the escape code.
const LARGEST: [u32; 2] = [14, 30];
const PARAMETER_BITS: [u64; 2] = [4, 5];

/// How one partition is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// Rice codes with this parameter.
    Rice(u8),
    /// Plain numbers of this many bits, 0 to 31.
    Plain(u8),
}

/// How a residual is coded.
#[derive(Clone, Debug, Default)]
pub struct Coding {
    partition_order: u32,
    /// 0: parameters of 4 bits; 1: of 5 bits.
    method: usize,
    parts: Vec<Part>,
    /// Bits of the whole residual, its 6 bits of header included.
    pub bits: u64,
}

/// How hard to look.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Largest partition order, at most the streamable subset's 8 (RFC 9639 section 7).
    pub order: u32,
    /// Fewest samples of a partition.
    pub size: usize,
    /// Count each parameter's bits at each order, instead of only at the order that seems best.
    pub exact: bool,
}

/// Workspace of the choice.
#[derive(Default)]
pub struct Chooser {
    sums: Vec<u64>,
    ors: Vec<u32>,
    counts: Vec<u64>,
    level: Vec<Part>,
}

impl Coding {
    /// Writes the residual as it was chosen to be coded.
    pub fn write(
        &self,
        kernels: &Kernels,
        residual: &[i32],
        predictor_order: usize,
        out: &mut BitWriter<'_>,
    ) {
        out.put(self.method as u64, 2);
        out.put(u64::from(self.partition_order), 4);
        let size = (residual.len() + predictor_order) >> self.partition_order;
        let bits = PARAMETER_BITS[self.method] as u32;
        let mut rest = residual;
        let mut length = size - predictor_order;
        for &part in &self.parts {
            let (now, after) = rest.split_at(length);
            match part {
                Part::Rice(parameter) => {
                    out.put(u64::from(parameter), bits);
                    (kernels.write_rice)(now, u32::from(parameter), out);
                }
                Part::Plain(width) => {
                    out.put((1 << bits) - 1, bits);
                    out.put(u64::from(width), 5);
                    for &r in now {
                        out.put_signed(r, u32::from(width));
                    }
                }
            }
            (rest, length) = (after, size);
        }
    }
}

/// The parameter that seems best for `count` folded residuals with this sum, and its bits: the
/// low `k` bits of one are taken to be (2^k − 1)/2 on average.
pub fn guess(sum: u64, count: u64) -> (u32, u64) {
    let largest = LARGEST[1];
    if sum == 0 || count == 0 {
        // Zeros are coded as plain numbers of no bits.
        return (0, count.min(5));
    }
    let bits = |k: u32| {
        let low = count * ((1_u64 << k) - 1);
        count * u64::from(1 + k) + ((2 * sum).saturating_sub(low) >> (k + 1))
    };
    let centre = sum.ilog2().saturating_sub(count.ilog2());
    let from = centre.saturating_sub(2).min(largest);
    let to = centre.min(largest);
    (from..=to).map(|k| (k, bits(k))).min_by_key(|&(k, bits)| (bits, k)).expect("one at least")
}

fn plain_width(or: u32) -> u64 {
    u64::from(32 - or.leading_zeros())
}

/// Bits of a partition of plain numbers, its width included; none when they have 32.
fn plain_bits(or: u32, count: u64) -> u64 {
    match plain_width(or) {
        32 => u64::MAX / 2,
        width => 5 + width * count,
    }
}

impl Chooser {
    /// Chooses the coding of a residual that follows `predictor_order` samples.
    pub fn choose(
        &mut self,
        kernels: &Kernels,
        residual: &[i32],
        predictor_order: usize,
        effort: Effort,
        into: &mut Coding,
    ) {
        let length = residual.len() + predictor_order;
        let smallest = effort.size.max(predictor_order + 1);
        let finest = (0..=effort.order)
            .take_while(|&p| p == 0 || length.is_multiple_of(1 << p) && length >> p >= smallest)
            .last()
            .expect("order 0 is always there");
        let (size, parts) = (length >> finest, 1 << finest);
        self.sums.resize(parts, 0);
        self.ors.resize(parts, 0);
        (kernels.part_sums)(residual, size, &mut self.sums, &mut self.ors);
        if effort.exact {
            self.count(kernels, residual, size, predictor_order, into);
        } else {
            self.estimate(length, predictor_order, into);
            refine(kernels, residual, predictor_order, &self.ors, into);
        }
    }

    /// Chooses by sums alone.
    fn estimate(&mut self, length: usize, predictor_order: usize, into: &mut Coding) {
        into.bits = u64::MAX;
        let mut parts = self.sums.len();
        loop {
            let size = length / parts;
            let mut total = 0;
            let mut count = (size - predictor_order) as u64;
            let mut wide = false;
            self.level.clear();
            for &sum in &self.sums[..parts] {
                let (k, bits) = guess(sum, count);
                self.level.push(Part::Rice(k as u8));
                wide |= k > LARGEST[0];
                total += bits;
                count = size as u64;
            }
            let method = usize::from(wide);
            total += 6 + parts as u64 * PARAMETER_BITS[method];
            if total < into.bits {
                into.bits = total;
                into.method = method;
                into.partition_order = parts.ilog2();
                std::mem::swap(&mut into.parts, &mut self.level);
            }
            if parts == 1 {
                break;
            }
            parts /= 2;
            for i in 0..parts {
                self.sums[i] = self.sums[2 * i] + self.sums[2 * i + 1];
            }
        }
    }

    /// Chooses by counting every parameter's bits in the smallest partitions and adding those up.
    fn count(
        &mut self,
        kernels: &Kernels,
        residual: &[i32],
        size: usize,
        predictor_order: usize,
        into: &mut Coding,
    ) {
        let mut parts = self.sums.len();
        let (mut low, mut high) = (30, 0);
        for (i, &sum) in self.sums.iter().enumerate() {
            let count = if i == 0 { size - predictor_order } else { size };
            let (k, _) = guess(sum, count as u64);
            low = low.min(k.saturating_sub(1));
            high = high.max((k + 1).min(LARGEST[1]));
        }
        low = low.min(LARGEST[0] - 2);
        let range = ((high - low + 1) as usize).next_multiple_of(3);
        self.counts.resize(parts * range, 0);
        let mut rest = residual;
        let mut length = size - predictor_order;
        for row in self.counts.chunks_exact_mut(range) {
            let (part, after) = rest.split_at(length);
            for (step, sums) in row.as_chunks_mut::<3>().0.iter_mut().enumerate() {
                *sums = (kernels.unary_sums)(part, low + 3 * step as u32);
            }
            (rest, length) = (after, size);
        }
        into.bits = u64::MAX;
        let mut size = size;
        loop {
            for method in 0..=usize::from(high > LARGEST[0]) {
                let last = LARGEST[method].min(high);
                let mut count = (size - predictor_order) as u64;
                let mut total = 6 + parts as u64 * PARAMETER_BITS[method];
                self.level.clear();
                for (row, &or) in self.counts.chunks_exact(range).zip(&self.ors).take(parts) {
                    let (k, bits) = (low..=last)
                        .zip(row)
                        .map(|(k, unary)| (k, unary + count * u64::from(1 + k)))
                        .min_by_key(|&(k, bits)| (bits, k))
                        .expect("one at least");
                    let plain = plain_bits(or, count);
                    if plain < bits {
                        self.level.push(Part::Plain(plain_width(or) as u8));
                    } else {
                        self.level.push(Part::Rice(k as u8));
                    }
                    total += bits.min(plain);
                    count = size as u64;
                }
                if total < into.bits {
                    into.bits = total;
                    into.method = method;
                    into.partition_order = parts.ilog2();
                    std::mem::swap(&mut into.parts, &mut self.level);
                }
            }
            if parts == 1 {
                break;
            }
            parts /= 2;
            size *= 2;
            for i in 0..parts {
                self.ors[i] = self.ors[2 * i] | self.ors[2 * i + 1];
                for k in 0..range {
                    self.counts[i * range + k] =
                        self.counts[2 * i * range + k] + self.counts[(2 * i + 1) * range + k];
                }
            }
        }
    }
}

/// Counts the bits of an estimated coding, and of its neighbours among parameters.
fn refine(
    kernels: &Kernels,
    residual: &[i32],
    predictor_order: usize,
    ors: &[u32],
    coding: &mut Coding,
) {
    let size = (residual.len() + predictor_order) >> coding.partition_order;
    let ors = ors.chunks_exact(ors.len() >> coding.partition_order);
    let largest = LARGEST[coding.method];
    let mut rest = residual;
    let mut length = size - predictor_order;
    let mut total = 6;
    for (part, ors) in coding.parts.iter_mut().zip(ors) {
        let (now, after) = rest.split_at(length);
        let Part::Rice(k) = *part else { unreachable!("estimates are Rice parameters") };
        let first = u32::from(k).saturating_sub(1).min(largest - 2);
        let unary = (kernels.unary_sums)(now, first);
        let (k, bits) = (first..)
            .zip(unary)
            .map(|(k, unary)| (k, unary + length as u64 * u64::from(1 + k)))
            .min_by_key(|&(k, bits)| (bits, k))
            .expect("three");
        let or = ors.iter().fold(0, |all, or| all | or);
        let plain = plain_bits(or, length as u64);
        *part = if plain < bits { Part::Plain(plain_width(or) as u8) } else { Part::Rice(k as u8) };
        total += PARAMETER_BITS[coding.method] + bits.min(plain);
        (rest, length) = (after, size);
    }
    coding.bits = total;
}

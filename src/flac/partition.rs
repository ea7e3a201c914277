//! Which Rice parameters code a residual in the fewest bits (RFC 9639 section 9.2.7).

use super::bit_writer::BitWriter;
use crate::simd::Kernels;

/// Largest Rice parameters: the next value of 4 and 5 bits is the escape code.
const LARGEST: [u32; 2] = [14, 30];
const PARAMETER_BITS: [u64; 2] = [4, 5];

/// Parameters up to which sums alone say too little: few low bits are seldom evenly spread.
const COUNTED: u32 = 3;

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
    /// Bits of the whole residual, its 6 bits of header included, as far as they are known.
    pub bits: u64,
    /// At most so many.
    pub most: u64,
}

/// How hard to look.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Largest partition order, at most the streamable subset's 8 (RFC 9639 section 7).
    pub order: u32,
    /// Fewest samples of a partition.
    pub size: usize,
    /// Count each parameter's bits at each order, instead of going by sums.
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

/// Bits of a Rice code that numbers of this mean take on average, and the parameter k for which
/// they are the fewest.
///
/// Low bits are taken to be (2^k − 1)/2 on average, so that a code has
/// 1 + k + (mean − (2^k − 1)/2)/2^k bits. The best k is that of 2^k ≤ mean + 1/2 < 2^(k + 1), and
/// its bits are 3/2 more than what interpolates log2(mean + 1/2) between powers of two.
fn expected(mean: f64) -> (f64, u32) {
    let x = mean + 0.5;
    if x < 1.0 {
        return (1.0 + mean, 0);
    }
    let bits = x.to_bits();
    // Exponent and mantissa of a double, read as one number, are that interpolation.
    let log2 = bits as f64 * (1.0 / (1_u64 << 52) as f64) - 1023.0;
    (1.5 + log2, ((bits >> 52) as u32 - 1023).min(LARGEST[1]))
}

/// The parameter that seems best for `count` folded residuals with this sum, and its bits.
pub fn guess(sum: u64, count: u64) -> (u32, u64) {
    if sum == 0 || count == 0 {
        // Zeros are coded as plain numbers of no bits.
        return (0, count.min(5));
    }
    let (bits, k) = expected(sum as f64 / count as f64);
    (k, (count as f64 * bits) as u64)
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
            let wide = self.estimate(length, predictor_order, into);
            self.settle(kernels, residual, predictor_order, wide, into);
        }
    }

    /// Chooses a partition order by sums alone, and leaves them for that order. Returns whether
    /// a parameter may need five bits.
    fn estimate(&mut self, length: usize, predictor_order: usize, into: &mut Coding) -> bool {
        let mut parts = self.sums.len();
        let largest = self.sums.iter().max().expect("a part at least");
        let wide = expected(*largest as f64 / (length / parts - predictor_order) as f64).1;
        let wide = wide > LARGEST[0];
        let parameter_bits = PARAMETER_BITS[usize::from(wide)] as f64;
        let mut least = f64::INFINITY;
        // The sums of each order follow those of the next higher one.
        let (mut from, mut best) = (0, 0..0);
        loop {
            let sums = &self.sums[from..];
            let size = (length / parts) as f64;
            let first = size - predictor_order as f64;
            let mut bits = first * expected(sums[0] as f64 / first).0;
            let scale = 1.0 / size;
            bits += size * sums[1..].iter().map(|&s| expected(s as f64 * scale).0).sum::<f64>();
            bits += parts as f64 * parameter_bits;
            if bits < least {
                (least, best) = (bits, from..from + parts);
            }
            if parts == 1 {
                break;
            }
            self.sums.extend_from_within(from..from + parts / 2);
            for i in 0..parts / 2 {
                self.sums[from + parts + i] = self.sums[from + 2 * i] + self.sums[from + 2 * i + 1];
            }
            from += parts;
            parts /= 2;
        }
        self.sums.truncate(best.end);
        self.sums.drain(..best.start);
        into.partition_order = self.sums.len().ilog2();
        wide
    }

    /// Chooses how to code each part of the order that was chosen.
    fn settle(
        &mut self,
        kernels: &Kernels,
        residual: &[i32],
        predictor_order: usize,
        wide: bool,
        into: &mut Coding,
    ) {
        into.method = usize::from(wide);
        let parameter_bits = PARAMETER_BITS[into.method];
        let size = (residual.len() + predictor_order) >> into.partition_order;
        let ors = self.ors.chunks_exact(self.ors.len() >> into.partition_order);
        let mut rest = residual;
        let mut length = size - predictor_order;
        (into.bits, into.most) = (6, 6);
        into.parts.clear();
        for (&sum, ors) in self.sums.iter().zip(ors) {
            let (part, after) = rest.split_at(length);
            let count = length as u64;
            let (mut k, mut bits) = guess(sum, count);
            let mut most = count * u64::from(1 + k) + (sum >> k);
            if k <= COUNTED {
                (bits, k) = count_bits(kernels, part, k);
                most = bits;
            }
            let or = ors.iter().fold(0, |all, or| all | or);
            let plain = plain_bits(or, count);
            if plain < bits {
                into.parts.push(Part::Plain(plain_width(or) as u8));
                (bits, most) = (plain, plain);
            } else {
                into.parts.push(Part::Rice(k as u8));
            }
            into.bits += parameter_bits + bits;
            into.most += parameter_bits + most;
            (rest, length) = (after, size);
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
        into.most = into.bits;
    }
}

/// The bits of a part's Rice codes, and the best parameter: this one or a neighbour.
fn count_bits(kernels: &Kernels, part: &[i32], parameter: u32) -> (u64, u32) {
    let first = parameter.saturating_sub(1);
    let unary = (kernels.unary_sums)(part, first);
    let bits = |(k, unary): (u32, u64)| (unary + part.len() as u64 * u64::from(1 + k), k);
    (first..).zip(unary).map(bits).min().expect("three")
}

//! Writes any FLAC stream that RFC 9639 allows, slowly and by its letter.
//!
//! An encoder's streams use what is worth using; these use everything.

use super::signal::Random;
use h5flac::flac::Audio;

/// Bits, most significant first.
#[derive(Clone, Default)]
pub struct Bits(Vec<bool>);

impl Bits {
    pub fn put(&mut self, value: u64, bits: u32) -> &mut Self {
        self.0.extend((0..bits).rev().map(|i| value >> i & 1 == 1));
        self
    }

    pub fn put_signed(&mut self, value: i64, bits: u32) -> &mut Self {
        self.put(value as u64, bits)
    }

    pub fn put_zeros(&mut self, zeros: u64) -> &mut Self {
        self.0.resize(self.0.len() + zeros as usize, false);
        self
    }

    /// `zeros` zeros and a one.
    pub fn put_unary(&mut self, zeros: u64) -> &mut Self {
        self.put_zeros(zeros).put(1, 1)
    }

    /// A residual's Rice code.
    pub fn put_rice(&mut self, r: i64, parameter: u32) -> &mut Self {
        let folded = folded(r);
        self.put_unary(folded >> parameter).put(folded, parameter)
    }

    /// Bytes, the last filled up with zeros.
    pub fn bytes(&self) -> Vec<u8> {
        let byte = |bits: &[bool]| {
            bits.iter().zip((0..8).rev()).fold(0, |byte, (&bit, i)| byte | u8::from(bit) << i)
        };
        self.0.chunks(8).map(byte).collect()
    }

    /// A frame of these bits, its CRC-16 added.
    pub fn frame(&self) -> Vec<u8> {
        let mut bytes = self.bytes();
        let crc = crc(&bytes, 16, 0x8005);
        bytes.extend(crc.to_be_bytes());
        bytes
    }
}

fn folded(r: i64) -> u64 {
    if r < 0 { (-1 - r) as u64 * 2 + 1 } else { r as u64 * 2 }
}

/// A CRC of 8 or 16 bits, bit by bit.
pub fn crc(bytes: &[u8], bits: u32, polynomial: u32) -> u16 {
    let mut crc = 0_u32;
    for byte in bytes {
        for i in (0..8).rev() {
            let top = crc >> (bits - 1) ^ u32::from(byte >> i & 1);
            crc = crc << 1 & ((1 << bits) - 1) ^ if top & 1 == 1 { polynomial } else { 0 };
        }
    }
    crc as u16
}

/// The codes of a frame header.
#[derive(Clone, Copy)]
pub struct Header {
    pub by_sample: bool,
    /// Block size code; 6 and 7 are followed by the size.
    pub size: u64,
    /// Sample rate code; 12 to 14 are followed by the rate.
    pub rate: u64,
    pub channels: u64,
    pub width: u64,
    pub number: u64,
}

impl Header {
    /// The bits up to and with the CRC-8.
    pub fn write(&self, samples: usize, rate: u32) -> Bits {
        let mut out = Bits::default();
        out.put(0x7ffc, 15).put(u64::from(self.by_sample), 1);
        out.put(self.size, 4).put(self.rate, 4).put(self.channels, 4).put(self.width, 3).put(0, 1);
        let number = self.number;
        match (2..=7).find(|n| number >> (5 * n + 1) == 0).unwrap_or(7) {
            _ if number < 0x80 => out.put(number, 8),
            n => {
                out.put((2 << n) - 2, n + 1).put(number >> (6 * (n - 1)), 7 - n);
                for i in (0..n - 1).rev() {
                    out.put(0b10, 2).put(number >> (6 * i), 6);
                }
                &mut out
            }
        };
        match self.size {
            6 => out.put(samples as u64 - 1, 8),
            7 => out.put(samples as u64 - 1, 16),
            _ => &mut out,
        };
        match self.rate {
            12 => out.put(u64::from(rate / 1000), 8),
            13 => out.put(u64::from(rate), 16),
            14 => out.put(u64::from(rate / 10), 16),
            _ => &mut out,
        };
        let crc = crc(&out.bytes(), 8, 7);
        out.put(u64::from(crc), 8);
        out
    }
}

/// A whole file's bytes before its frames.
pub fn file_start(blocks: [usize; 2], audio: &Audio, samples: u64, random: &mut Random) -> Vec<u8> {
    let mut out = Bits::default();
    let others: Vec<(u64, u64)> =
        (0..random.below(3)).map(|_| (1 + random.below(100), random.below(60))).collect();
    out.put(0x66_4c_61_43, 32).put(u64::from(others.is_empty()), 1).put(0, 7).put(34, 24);
    out.put(blocks[0] as u64, 16).put(blocks[1] as u64, 16).put(0, 48);
    out.put(u64::from(audio.rate), 20).put(audio.channels.len() as u64 - 1, 3);
    out.put(u64::from(audio.width) - 1, 5).put(samples, 36).put(0, 64).put(0, 64);
    for (i, &(kind, length)) in others.iter().enumerate() {
        // Application, padding and kinds yet unknown have no form that matters here.
        let kind = if kind < 7 { 1 } else { kind };
        out.put(u64::from(i + 1 == others.len()), 1).put(kind, 7).put(length, 24);
        (0..length).for_each(|_| {
            out.put(random.next(), 8);
        });
    }
    out.bytes()
}

pub const SIZES: [usize; 16] =
    [0, 192, 576, 1152, 2304, 4608, 0, 0, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768];
const RATES: [u32; 12] =
    [0, 88200, 176_400, 192_000, 8000, 16000, 22050, 24000, 32000, 44100, 48000, 96000];
pub const WIDTHS: [u32; 8] = [0, 8, 12, 0, 16, 20, 24, 32];

/// Writes one or two channels in some way out of all that are allowed.
pub fn file(audio: &Audio, random: &mut Random) -> Vec<u8> {
    let length = audio.channels[0].len();
    let by_sample = random.one_in(2);
    let fixed = *random.pick(&[16, 17, 192, 255, 256, 257, 576, 1000, 4096, 65535]);
    let mut blocks = Vec::new();
    let mut left = length;
    while left > 0 {
        let size = if by_sample { 16 + random.below(700) as usize } else { fixed };
        blocks.push(size.min(left));
        left -= size.min(left);
    }
    let range = if by_sample { [16, 800] } else { [fixed; 2] };
    let samples = if random.one_in(3) { 0 } else { length as u64 };
    let mut file = file_start(range, audio, samples, random);
    let mut first = 0;
    for (number, &size) in (0..).zip(&blocks) {
        let block: Vec<&[i32]> =
            audio.channels.iter().map(|channel| &channel[first..first + size]).collect();
        let number = if by_sample { first as u64 } else { number };
        file.extend(frame(&block, audio, by_sample, number, random).frame());
        first += size;
    }
    file
}

/// The frame up to its CRC-16.
fn frame(
    block: &[&[i32]],
    audio: &Audio,
    by_sample: bool,
    number: u64,
    random: &mut Random,
) -> Bits {
    let samples = block[0].len();
    let mut sizes = vec![7];
    sizes.extend((samples <= 256).then_some(6));
    sizes.extend(SIZES.iter().position(|&size| size == samples));
    let rate = audio.rate;
    let mut rates = vec![0];
    rates.extend((rate.is_multiple_of(1000) && rate < 256_000).then_some(12));
    rates.extend((rate < 65536).then_some(13));
    rates.extend((rate.is_multiple_of(10) && rate < 655_360).then_some(14));
    rates.extend(RATES.iter().position(|&r| r == rate));
    let mut widths = vec![0];
    widths.extend(WIDTHS.iter().position(|&width| width == audio.width));
    let channels = if block.len() == 1 { 0 } else { *random.pick(&[1, 8, 9, 10]) };
    let header = Header {
        by_sample,
        size: *random.pick(&sizes) as u64,
        rate: *random.pick(&rates) as u64,
        channels,
        width: *random.pick(&widths) as u64,
        number,
    };
    let mut out = header.write(samples, rate);
    let wide = |i: usize| block[i].iter().map(|&x| i64::from(x)).collect::<Vec<_>>();
    if let [left, right] = block {
        let pairs = || left.iter().zip(*right).map(|(&l, &r)| (i64::from(l), i64::from(r)));
        let side: Vec<i64> = pairs().map(|(l, r)| l - r).collect();
        let mid: Vec<i64> = pairs().map(|(l, r)| (l + r) >> 1).collect();
        let (first, second) = match channels {
            1 => (wide(0), wide(1)),
            8 => (wide(0), side),
            9 => (side, wide(1)),
            _ => (mid, side),
        };
        let extra =
            |i| u32::from(channels == if i == 0 { 9 } else { 8 } || channels == 10 && i == 1);
        subframe(&first, audio.width + extra(0), random, &mut out);
        subframe(&second, audio.width + extra(1), random, &mut out);
    } else {
        subframe(&wide(0), audio.width, random, &mut out);
    }
    out
}

const FIXED: [&[i64]; 5] = [&[], &[1], &[2, -1], &[3, -3, 1], &[4, -6, 4, -1]];

fn subframe(samples: &[i64], width: u32, random: &mut Random, out: &mut Bits) {
    let zeros = samples.iter().fold(0, |or, x| or | x).trailing_zeros().min(width - 1);
    let wasted = if random.one_in(2) { random.below(u64::from(zeros) + 1) as u32 } else { zeros };
    let samples: Vec<i64> = samples.iter().map(|x| x >> wasted).collect();
    let width = width - wasted;
    let mut head = |code: usize| {
        out.put(code as u64, 7).put(u64::from(wasted > 0), 1);
        if wasted > 0 {
            out.put_unary(u64::from(wasted) - 1);
        }
    };
    if samples.iter().all(|&x| x == samples[0]) && random.one_in(2) {
        head(0);
        out.put_signed(samples[0], width);
        return;
    }
    let fixed = random.one_in(2);
    let (coefficients, precision, shift) =
        if fixed { (FIXED[random.below(5) as usize].to_vec(), 0, 0) } else { linear(random) };
    let order = coefficients.len();
    let residual = predicted(&samples, &coefficients, shift);
    let Some(residual) = residual.filter(|_| !random.one_in(20)) else {
        head(1);
        samples.iter().for_each(|&x| {
            out.put_signed(x, width);
        });
        return;
    };
    head(if fixed { 8 + order } else { 31 + order });
    samples[..order].iter().for_each(|&x| {
        out.put_signed(x, width);
    });
    if !fixed {
        out.put(u64::from(precision) - 1, 4).put(u64::from(shift), 5);
        coefficients.iter().for_each(|&q| {
            out.put_signed(q, precision);
        });
    }
    write_residual(&residual, order, random, out);
}

/// Coefficients, their precision and shift.
fn linear(random: &mut Random) -> (Vec<i64>, u32, u32) {
    let order = 1 + random.below(32) as usize;
    let precision = 1 + random.below(15) as u32;
    let most = (1_i64 << (precision - 1)) - 1;
    let shift = random.below(16) as u32;
    let base = *random.pick(&FIXED);
    let loud = random.one_in(4);
    let coefficient = |i| {
        let noise = if loud {
            random.number(precision)
        } else {
            random.number(precision) >> precision.min(1 + order.ilog2() + 6)
        };
        let q = base.get(i).map_or(0, |q| q << shift) + i64::from(noise);
        q.clamp(-most - 1, most)
    };
    ((0..order).map(coefficient).collect(), precision, shift)
}

/// The residual; none when it leaves ±(2^31 − 1) or there are too few samples.
fn predicted(samples: &[i64], coefficients: &[i64], shift: u32) -> Option<Vec<i64>> {
    let order = coefficients.len();
    if order >= samples.len() {
        return None;
    }
    let each = |i: usize| {
        let sum: i64 = (0..order).map(|j| coefficients[j] * samples[i - 1 - j]).sum();
        let r = samples[i] - (sum >> shift);
        (r.abs() < 1 << 31).then_some(r)
    };
    (order..samples.len()).map(each).collect()
}

fn write_residual(residual: &[i64], order: usize, random: &mut Random, out: &mut Bits) {
    let block = residual.len() + order;
    let finest = (0..=15).take_while(|p| block.is_multiple_of(1 << p) && block >> p > order).last();
    let partition_order = random.below(finest.unwrap_or(0) as u64 + 1) as u32;
    let size = block >> partition_order;
    let bits_of = |part: &[i64]| part.iter().map(|&r| 64 - folded(r).leading_zeros()).max();
    // Parameters of 14 would make quotients of more than 2^12.
    let method = if bits_of(residual) > Some(26) { 1 } else { random.below(2) };
    let bits = 4 + method as u32;
    let escape = (1 << bits) - 1;
    out.put(method, 2).put(u64::from(partition_order), 4);
    let mut rest = residual;
    let mut length = size - order;
    for _ in 0..1 << partition_order {
        let (now, after) = rest.split_at(length);
        (rest, length) = (after, size);
        let plain = bits_of(now).unwrap_or(0);
        if plain < 32 && random.one_in(4) {
            let width = (plain + random.below(3) as u32).min(31);
            out.put(u64::from(escape), bits).put(u64::from(width), 5);
            now.iter().for_each(|&r| {
                out.put_signed(r, width);
            });
        } else {
            let near = plain.saturating_sub(2 + random.below(4) as u32);
            let parameter = near.clamp(plain.saturating_sub(12), escape - 1);
            out.put(u64::from(parameter), bits);
            now.iter().for_each(|&r| {
                out.put_rice(r, parameter);
            });
        }
    }
}

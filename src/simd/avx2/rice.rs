//! Rice codes of several residuals side by side.
//!
//! One residual's codes depend on each other: where a code begins is known when the one before was
//! read. Four residuals fill the processor while each waits for itself; more than that are read in
//! the lanes of vectors.

use super::lanes::LANES;
use crate::flac::BitReader;
use crate::simd::Residual;
use crate::simd::scalar::flac_decode::{group, read_escaped, read_slowly, unfold};

mod eight;

/// Most residuals read side by side outside vectors.
const FOUR: usize = 4;

/// Fewest residuals for which one vector is quicker than fours, and two are quicker than one.
const FOR_ONE: usize = 7;
const FOR_TWO: usize = 13;

/// See [`crate::simd::scalar::flac_decode::read_residuals`].
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
pub fn read_residuals(residuals: &mut [Residual<'_, '_>]) {
    read_by(residuals, eight::ROOM, |lanes| {
        if lanes.len() >= FOR_TWO {
            eight::read_some::<2>(lanes)
        } else {
            let some = lanes.len().min(LANES);
            eight::read_some::<1>(&mut lanes[..some])
        }
    });
}

/// Reads residuals by fours, or, where they have `room` for so many numbers, in vectors: 7 to 16.
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
pub fn read_by(
    residuals: &mut [Residual<'_, '_>],
    room: usize,
    read_in_vectors: impl Fn(&mut [Lane<'_, '_, '_>]),
) {
    let mut waiting = residuals.iter_mut();
    let mut lanes: Vec<Lane<'_, '_, '_>> = Vec::with_capacity(2 * LANES);
    loop {
        while lanes.len() < 2 * LANES {
            let Some(residual) = waiting.next() else { break };
            let mut lane = Lane::new(residual);
            if lane.advance() {
                lanes.push(lane);
            }
        }
        // Those near their end first, which only fours can read.
        lanes.sort_by_key(|lane| lane.has(room));
        let ending = lanes.iter().filter(|lane| !lane.has(room)).count();
        if ending == 0 && lanes.len() >= FOR_ONE {
            read_in_vectors(&mut lanes);
        } else {
            let some = if ending > 0 { ending.min(FOUR) } else { lanes.len() };
            match &mut lanes[..some] {
                [] => return,
                [a] => read_some([a]),
                [a, b] => read_some([a, b]),
                [a, b, c] => read_some([a, b, c]),
                [a, b, c, d, ..] => read_some([a, b, c, d]),
            }
        }
        lanes.retain_mut(|lane| lane.advance());
    }
}

/// A residual being read.
pub struct Lane<'a, 'b, 'o> {
    pub residual: &'a mut Residual<'b, 'o>,
    /// Parts not begun.
    parts: usize,
    /// Numbers of the next part.
    length: usize,
    /// Numbers read.
    pub done: usize,
    /// Numbers left in this part.
    pub left: usize,
    pub parameter: u32,
    pub folded: u32,
    /// Whether the next group must be read one by one.
    pub slow: bool,
}

impl<'a, 'b, 'o> Lane<'a, 'b, 'o> {
    fn new(residual: &'a mut Residual<'b, 'o>) -> Self {
        let (parts, length) = (residual.parts, residual.lengths[0]);
        Lane { residual, parts, length, done: 0, left: 0, parameter: 0, folded: 0, slow: false }
    }

    /// Groups of `size` numbers that are in this part and in bytes that can be read as words.
    pub fn groups(&self, size: usize) -> usize {
        let reader = &self.residual.reader;
        // A word is 8 bytes, and a group takes 57 bits of it at most.
        let last = 8 * (reader.bytes().len() as u64).saturating_sub(8);
        let words = (last.saturating_sub(reader.position())) / u64::from(BitReader::MOST);
        (self.left / size).min(words as usize)
    }

    /// Whether there is room for so many numbers.
    fn has(&self, room: usize) -> bool {
        self.residual.out.len() - self.done >= room
    }

    /// Reads what cannot be read in groups, until something can. False at the residual's end.
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
    fn advance(&mut self) -> bool {
        loop {
            if self.left > 0 {
                let size = group(self.parameter);
                if !self.slow && self.parameter <= 25 && self.groups(size) > 0 {
                    return true;
                }
                let now = if self.slow { size.min(self.left) } else { self.left };
                self.slow = false;
                if self.read_slowly(now).is_none() {
                    self.residual.folded = None;
                    return false;
                }
            }
            if self.left == 0 && !self.next_part() {
                self.residual.folded = Some(self.folded);
                return false;
            }
        }
    }

    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
    fn read_slowly(&mut self, count: usize) -> Option<()> {
        let numbers = &mut self.residual.out[self.done..self.done + count];
        read_slowly(&mut self.residual.reader, self.parameter, numbers)?;
        self.folded |= unfold(numbers, 0);
        self.done += count;
        self.left -= count;
        Some(())
    }

    /// Goes to the next part of codes. False when there is none.
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
    fn next_part(&mut self) -> bool {
        while self.parts > 0 {
            self.parts -= 1;
            let reader = &mut self.residual.reader;
            let parameter = reader.take(self.residual.parameter_bits) as u32;
            let length = std::mem::replace(&mut self.length, self.residual.lengths[1]);
            let length = length.min(self.residual.out.len() - self.done);
            if parameter < (1 << self.residual.parameter_bits) - 1 {
                self.parameter = parameter;
                self.left = length;
                return true;
            }
            let numbers = &mut self.residual.out[self.done..self.done + length];
            self.folded |= read_escaped(reader, numbers);
            self.done += length;
        }
        false
    }
}

/// Reads groups of codes from each of some residuals, at least one of which then needs to advance.
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
fn read_some<const N: usize>(lanes: [&mut Lane<'_, '_, '_>; N]) {
    let size = lanes.iter().map(|lane| group(lane.parameter)).min().unwrap_or(1);
    match size {
        1 => read_groups::<N, 1>(lanes),
        2 => read_groups::<N, 2>(lanes),
        3 => read_groups::<N, 3>(lanes),
        4 => read_groups::<N, 4>(lanes),
        5 => read_groups::<N, 5>(lanes),
        6 => read_groups::<N, 6>(lanes),
        7 => read_groups::<N, 7>(lanes),
        _ => read_groups::<N, 8>(lanes),
    }
}

#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
fn read_groups<const N: usize, const SIZE: usize>(mut lanes: [&mut Lane<'_, '_, '_>; N]) {
    let groups = lanes.iter().map(|lane| lane.groups(SIZE)).min().unwrap_or(0);
    let mut bytes = [std::ptr::null(); N];
    let mut position = [0; N];
    let mut parameter = [0; N];
    let mut out = [std::ptr::null_mut(); N];
    for (l, lane) in lanes.iter_mut().enumerate() {
        let reader = &lane.residual.reader;
        bytes[l] = reader.bytes().as_ptr();
        position[l] = reader.position();
        parameter[l] = lane.parameter;
        out[l] = lane.residual.out[lane.done..lane.done + groups * SIZE].as_mut_ptr();
    }
    // The next bits, at least 57.
    let load = |bytes: *const u8, position: u64| {
        // SAFETY: `Lane::groups` leaves 57 bits for each group, the most that one has, and 8 bytes
        // from there on.
        let word: [u8; 8] = unsafe { bytes.add((position >> 3) as usize).cast::<[u8; 8]>().read() };
        u64::from_be_bytes(word) << (position & 7)
    };
    // The next 64 bits.
    let mut words = [0; N];
    if groups > 0 {
        for l in 0..N {
            words[l] = load(bytes[l], position[l]) | load(bytes[l], position[l] + 57) >> 57;
        }
    }
    let mut slow = [false; N];
    let mut read = 0;
    while read < groups && slow == [false; N] {
        // What follows is loaded while they are read, so that the next group need not wait for it.
        let ahead = read + 1 < groups;
        for l in 0..N {
            let k = parameter[l];
            let mut word = words[l];
            let after = if ahead { load(bytes[l], position[l] + 64) } else { 0 };
            let mut used = SIZE as u32 * (k + 1);
            for i in 0..SIZE {
                // Without a one there are 64, which `used` then shows to be too many.
                let zeros = word.leading_zeros();
                let code = word.wrapping_shl(zeros);
                let number = (zeros << k) + (code >> (63 - k)) as u32;
                // SAFETY: room for SIZE numbers of each group was taken above.
                unsafe { out[l].add(read * SIZE + i).write(number as i32) };
                word = code << (k + 1);
                used += zeros;
            }
            words[l] = word | after >> (used.wrapping_neg() & 63);
            slow[l] = used > BitReader::MOST;
            position[l] += if slow[l] { 0 } else { u64::from(used) };
        }
        read += 1;
    }
    for (l, lane) in lanes.into_iter().enumerate() {
        lane.residual.reader.seek(position[l]);
        lane.slow = slow[l];
        let numbers = (read - usize::from(slow[l])) * SIZE;
        // The stop bit is left in every number.
        let read = &mut lane.residual.out[lane.done..lane.done + numbers];
        lane.folded |= unfold(read, 1 << lane.parameter);
        lane.done += numbers;
        lane.left -= numbers;
    }
}

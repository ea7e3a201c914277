//! Frames of one or two channels to samples of 32 bits, many frames at a time.

use super::batch::{BATCH, Batch, Subframe};
use super::bit_reader::BitReader;
use super::decoder::end;
use super::finder::Found;
use super::frame::Channels;
use crate::simd::kernels;

/// Decoder workspace of one thread.
pub struct ChannelDecoder {
    batch: Batch,
}

impl Default for ChannelDecoder {
    fn default() -> Self {
        ChannelDecoder { batch: Batch::new(kernels()) }
    }
}

impl ChannelDecoder {
    /// Most frames that are decoded together.
    pub const MOST: usize = BATCH;

    /// Decodes frames of `channels` channels, 1 or 2, of 32 bits side by side, each with how many
    /// samples of it are wanted, the first ones: all, or [`super::Frame::FEWEST`] at least. Returns
    /// how many frames, from the first on, are in order, fill their bytes and have the right CRC-16.
    ///
    /// `out` receives the samples wanted of one channel frame after frame. Two channels have room
    /// for whole frames there, first all frames' first channel, then their second.
    pub fn decode(
        &mut self,
        frames: &[(Found<'_>, usize)],
        channels: usize,
        out: &mut [i32],
    ) -> usize {
        let room = |(found, wanted): &(Found<'_>, usize)| {
            if channels == 1 { *wanted } else { found.header.samples }
        };
        let total: usize = frames.iter().map(room).sum();
        assert_eq!(out.len(), channels * total, "room for the samples");
        let kernels = self.batch.kernels;
        self.batch.begin();
        let mut readers: Vec<BitReader<'_>> = Vec::with_capacity(frames.len());
        readers.extend(frames.iter().map(|(found, _)| {
            let mut reader = BitReader::new(found.bytes);
            reader.seek(8 * found.header_length as u64);
            reader
        }));
        for channel in 0..channels {
            let mut subframes: Vec<Subframe<'_>> = Vec::with_capacity(readers.len());
            subframes.extend(frames.iter().zip(readers.drain(..)).map(|((f, wanted), reader)| {
                let width = 32 + u32::from(f.header.channels.side() == Some(channel));
                let subframe = Subframe::new(reader, width, f.header.samples, *wanted);
                match (channel, channels) {
                    (0, 1) => subframe,
                    (0, _) => subframe.followed(),
                    _ => subframe.with_room(),
                }
            }));
            self.batch.read(&mut subframes, out, channel * total);
            let good = subframes.iter().map_while(|subframe| subframe.end().ok());
            readers.extend(good);
        }
        let ended = readers.into_iter().zip(frames).map(|(reader, (found, wanted))| {
            end(reader, *wanted == found.header.samples, Some(kernels))
        });
        let mut good = ended.take_while(Result::is_ok).count();
        self.batch.restore(out, |i, _| good = good.min(i % frames.len()));
        if channels == 2 {
            let (first, second) = out.split_at_mut(total);
            let mut start = 0;
            for (i, frame) in frames[..good].iter().enumerate() {
                let samples = start..start + frame.1;
                start += room(frame);
                let channels = frame.0.header.channels;
                if !join(channels, &mut first[samples.clone()], &mut second[samples]) {
                    return i;
                }
            }
        }
        good
    }
}

/// Makes left and right of channels one of which may be their difference. Whether they have 32 bits.
fn join(channels: Channels, first: &mut [i32], second: &mut [i32]) -> bool {
    let pairs = first.iter_mut().zip(second);
    // The sign is set where a sum or a difference wrapped.
    let mut wrapped = 0;
    match channels {
        Channels::Independent(_) => {}
        Channels::LeftSide => pairs.for_each(|(left, side)| {
            let right = left.wrapping_sub(*side);
            wrapped |= (*left ^ *side) & (*left ^ right);
            *side = right;
        }),
        Channels::SideRight => pairs.for_each(|(side, right)| {
            let left = side.wrapping_add(*right);
            wrapped |= (*side ^ left) & (*right ^ left);
            *side = left;
        }),
        Channels::MidSide => pairs.for_each(|(mid, side)| {
            // 2·mid + (side & 1) is left + right, so left is mid and half of the side, rounded up.
            let half = (*side >> 1) + (*side & 1);
            let left = mid.wrapping_add(half);
            let right = left.wrapping_sub(*side);
            wrapped |= (*mid ^ left) & (half ^ left) | (left ^ *side) & (left ^ right);
            (*mid, *side) = (left, right);
        }),
    }
    wrapped >= 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_join_channels_is_undone_or_told_to_need_more_bits() {
        let values = [i32::MIN, i32::MIN + 1, -7, -2, -1, 0, 1, 2, 6, i32::MAX - 1, i32::MAX];
        let ways = [Channels::LeftSide, Channels::SideRight, Channels::MidSide];
        for (first, second) in values.iter().flat_map(|&x| values.map(|y| (x, y))) {
            for way in ways {
                let (a, b) = (i64::from(first), i64::from(second));
                let (left, right) = match way {
                    Channels::LeftSide => (a, a - b),
                    Channels::SideRight => (a + b, b),
                    _ => ((2 * a + (b & 1) + b) >> 1, (2 * a + (b & 1) - b) >> 1),
                };
                let fits = [left, right].iter().all(|&x| i32::try_from(x).is_ok());
                let (mut x, mut y) = ([first], [second]);
                assert_eq!(join(way, &mut x, &mut y), fits, "{way:?} of {first} and {second}");
                if fits {
                    assert_eq!((x, y), ([left as i32], [right as i32]));
                }
            }
        }
    }
}

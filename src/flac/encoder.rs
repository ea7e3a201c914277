//! Blocks of samples to frames.

use super::MAX_BLOCK;
use super::bit_writer::BitWriter;
use super::blocks;
use super::channel::Channel;
use super::frame::{Channels, LONGEST_HEADER, write_header};
use super::level::{Level, settings};
use crate::simd::{Kernels, kernels};

/// Encoder workspace of one thread.
pub struct Encoder {
    kernels: &'static Kernels,
    level: Level,
    /// As many as frames have had at most.
    channels: Vec<Channel>,
    blocks: blocks::Chooser,
}

impl Encoder {
    /// A workspace for effort `level` (0 to 8).
    pub fn new(level: u32) -> Self {
        Encoder {
            kernels: kernels(),
            level: settings(level),
            channels: vec![Channel::default()],
            blocks: blocks::Chooser::default(),
        }
    }

    /// Chooses the block size of a stream of `length` samples of `width` bits. `read(first, out)`
    /// gives any of its samples.
    pub fn choose_block(
        &mut self,
        length: usize,
        width: u32,
        read: &mut dyn FnMut(usize, &mut [i32]),
    ) -> usize {
        let Encoder { kernels, level, channels, blocks } = self;
        let size = (length, width);
        let analysis = &mut channels[0].search.analysis;
        blocks.choose(kernels, level, analysis, size, read).clamp(1, MAX_BLOCK)
    }

    /// Forgets the previous block's model. Called at fixed places of a stream, so that bytes do
    /// not depend on how its blocks are spread over threads.
    pub fn reset(&mut self) {
        self.channels.iter_mut().for_each(|channel| channel.search.forget());
    }

    /// Appends one mono frame holding `samples` (1 to 65535 of `width` bits, 4 to 32) to `out`
    /// and returns its length in bytes. `block` is the stream's block size; only the last block
    /// may be shorter.
    pub fn encode(
        &mut self,
        samples: &[i32],
        width: u32,
        block: usize,
        number: u64,
        out: &mut Vec<u8>,
    ) -> usize {
        self.encode_channels(&[samples], width, block, number, out)
    }

    /// Appends one frame of one or two channels of equal length, each for itself, as
    /// [`Encoder::encode`] does.
    pub fn encode_channels(
        &mut self,
        samples: &[&[i32]],
        width: u32,
        block: usize,
        number: u64,
        out: &mut Vec<u8>,
    ) -> usize {
        let length = samples[0].len();
        assert!(samples.len() <= 2 && samples.iter().all(|x| x.len() == length), "channels");
        assert!((1..=block).contains(&length) && block <= 65535, "block size");
        assert!((4..=32).contains(&width) && number < 1 << 36, "width or frame number");
        let Encoder { kernels, level, channels, .. } = self;
        channels.resize_with(channels.len().max(samples.len()), Channel::default);
        let bits = channels.iter_mut().zip(samples);
        let bits: u64 = bits.map(|(channel, x)| channel.choose(kernels, level, x, width)).sum();
        // The CRC-16 has two bytes.
        let bytes = LONGEST_HEADER + bits.div_ceil(8) as usize + 2;
        let start = out.len();
        out.resize(start + bytes + BitWriter::SLACK, 0);
        let mut writer = BitWriter::new(&mut out[start..]);
        let assignment = Channels::Independent(samples.len());
        write_header(length, assignment, width, number, &mut writer);
        for (channel, samples) in channels.iter().zip(samples) {
            channel.write(kernels, samples, &mut writer);
        }
        writer.align();
        let crc = (kernels.crc16)(writer.written());
        writer.put(u64::from(crc), 16);
        let length = writer.finish();
        out.truncate(start + length);
        length
    }
}

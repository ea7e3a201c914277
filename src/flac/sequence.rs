//! Which frame comes next in a file.

use super::frame::Header;
use super::metadata::StreamInfo;
use crate::error::{Error, Result};

/// A place between the frames of a file.
#[derive(Clone, Copy, Debug)]
pub struct Sequence {
    info: StreamInfo,
    /// Blocking strategy and number of the first frame: not 0 where a stream was cut.
    origin: Option<(bool, u64)>,
    /// Frames before.
    pub frames: u64,
    /// Samples of each channel before.
    pub samples: u64,
}

impl Sequence {
    /// The place before a file's first frame.
    pub fn new(info: StreamInfo) -> Self {
        Sequence { info, origin: None, frames: 0, samples: 0 }
    }

    /// The same in a file whose first frame has number 0, with this blocking strategy.
    #[must_use]
    pub fn starting(self, by_sample: bool) -> Self {
        Sequence { origin: Some((by_sample, 0)), ..self }
    }

    /// Checks that a frame with this header continues the stream, at whatever rate.
    ///
    /// # Errors
    /// `Corrupt`; `Unsupported` where the channels or their width change.
    pub fn check(&self, header: &Header) -> Result<()> {
        let info = &self.info;
        let channels = header.channels.count();
        let width = header.width.unwrap_or(info.width);
        if (channels, width) != (info.channels, info.width) {
            return Err(Error::unsupported(format!(
                "frame of {channels} channels of {width} bits in a stream of {} of {}",
                info.channels, info.width
            )));
        }
        if header.samples > info.longest_block {
            return Err(Error::corrupt(format!(
                "block of {} samples, STREAMINFO says at most {}",
                header.samples, info.longest_block
            )));
        }
        let (by_sample, first) = self.origin.unwrap_or((header.by_sample, header.number));
        if header.by_sample != by_sample {
            return Err(Error::corrupt("blocking strategy changes"));
        }
        let block = info.longest_block;
        let fixed = !by_sample && info.shortest_block == block;
        if fixed && self.samples != self.frames * block as u64 {
            return Err(Error::corrupt(format!(
                "it follows {} samples in {} frames, and only the last may not have {block}",
                self.samples, self.frames
            )));
        }
        let expected = first + if by_sample { self.samples } else { self.frames };
        if header.number != expected {
            return Err(Error::corrupt(format!(
                "frame has number {}, expected {expected}",
                header.number
            )));
        }
        Ok(())
    }

    /// The place after a frame that continues the stream.
    #[must_use]
    pub fn after(&self, header: &Header) -> Self {
        Sequence {
            info: self.info,
            origin: Some(self.origin.unwrap_or((header.by_sample, header.number))),
            frames: self.frames + 1,
            samples: self.samples + header.samples as u64,
        }
    }

    /// Whether a frame's number tells the samples before it.
    pub fn counts_samples(&self) -> bool {
        self.by_sample() || self.info.shortest_block == self.info.longest_block
    }

    /// The place before a frame of this number, where that tells the samples before it.
    pub fn before(&self, number: u64) -> Option<Self> {
        let (by_sample, first) = self.origin?;
        let count = number.checked_sub(first)?;
        let block = self.info.longest_block as u64;
        // A number has 36 bits at most, and a block 16.
        let (frames, samples) = if by_sample { (0, count) } else { (count, count * block) };
        Some(Sequence { frames, samples, ..*self })
    }

    /// Whether frame numbers count samples.
    pub fn by_sample(&self) -> bool {
        self.origin.is_some_and(|(by_sample, _)| by_sample)
    }

    /// The place in words.
    pub fn name(&self) -> String {
        if self.by_sample() {
            format!("frame at sample {}", self.samples)
        } else {
            format!("frame {}", self.frames)
        }
    }
}

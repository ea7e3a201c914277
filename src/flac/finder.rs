//! Where a file's frames start, which nothing says: by their headers.
//!
//! A header has a sync code, a CRC-8 and the number that is due, but audio may look like that too.
//! So what is found is a guess, until the frame before proves to end there.

use super::bit_reader::BitReader;
use super::frame::Header;
use super::metadata::{StreamInfo, read_metadata};
use super::sequence::Sequence;
use crate::error::{Error, Result};

/// A frame that seems to be in a file.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    /// From its sync code to where the next frame seems to start.
    pub bytes: &'a [u8],
    /// Its header.
    pub header: Header,
    /// Bytes of that.
    pub header_length: usize,
    /// Its first byte in the file.
    pub at: usize,
    /// Its first sample.
    pub first: u64,
}

/// Lists the frames of a file.
#[derive(Clone, Debug)]
pub struct Finder<'a> {
    file: &'a [u8],
    info: StreamInfo,
    /// Samples of each channel.
    length: u64,
    /// The next frame's first byte.
    at: usize,
    place: Sequence,
}

/// Frames closer than this are listed one by one.
const NEAR: u64 = 8;

/// Most guesses of a search.
const GUESSES: u32 = 64;

impl<'a> Finder<'a> {
    /// Reads a file up to its first frame. It has so many channels, each of `length` samples of
    /// `width` bits.
    ///
    /// # Errors
    /// `Corrupt` and `Truncated`.
    pub fn new(file: &'a [u8], channels: usize, length: u64, width: u32) -> Result<Self> {
        let (info, frames) = read_metadata(file)?;
        if (info.channels, info.width) != (channels, width) {
            return Err(Error::corrupt(format!(
                "{} channels of {} bits, expected {channels} of {width}",
                info.channels, info.width
            )));
        }
        if info.samples != 0 && info.samples != length {
            return Err(Error::corrupt(format!(
                "STREAMINFO says {} samples, expected {length}",
                info.samples
            )));
        }
        let mut place = Sequence::new(info);
        if length > 0 {
            let (header, _) = read_header(frames).map_err(|e| e.within("frame 0"))?;
            // Elsewhere, bytes that say how long the metadata are could hide frames.
            place = place.starting(header.by_sample);
            place.check(&header).map_err(|e| e.within("frame 0"))?;
        }
        Ok(Finder { file, info, length, at: file.len() - frames.len(), place })
    }

    /// Samples before the next frame.
    pub fn samples(&self) -> u64 {
        self.place.samples
    }

    /// The next frame in words, for errors within it.
    pub fn name(&self) -> String {
        self.place.name()
    }

    /// The bytes from the next frame on.
    pub fn rest(&self) -> &'a [u8] {
        &self.file[self.at..]
    }

    /// Checks that the next frame may have this header.
    ///
    /// # Errors
    /// `Corrupt`; `Unsupported` where the channels or their width change.
    pub fn check(&self, header: &Header) -> Result<()> {
        check(&self.place, header, self.length)
    }

    /// Moves on behind the next frame, which has this header and so many bytes.
    pub fn pass(&mut self, header: &Header, bytes: usize) {
        self.at += bytes;
        self.place = self.place.after(header);
    }

    /// Finds the end of the next frame and moves on; none behind the last.
    ///
    /// # Errors
    /// `Corrupt` and `Truncated`, within the frame.
    pub fn next_frame(&mut self) -> Result<Option<Found<'a>>> {
        if self.place.samples == self.length {
            return Ok(None);
        }
        let rest = self.rest();
        let (header, header_length) = read_header(rest)
            .and_then(|found| self.check(&found.0).map(|()| found))
            .map_err(|e| e.within(self.name()))?;
        let (at, first) = (self.at, self.place.samples);
        let after = self.place.after(&header);
        let is_next = |header: &Header| check(&after, header, self.length).is_ok();
        let next = if after.samples == self.length {
            None
        } else {
            find(self.file, at + header_length..self.file.len(), after.by_sample(), is_next)
        };
        let length = next.map_or(rest.len(), |(next, _)| next - at);
        self.pass(&header, length);
        Ok(Some(Found { bytes: &rest[..length], header, header_length, at, first }))
    }

    /// Moves on to a frame at or before the one that has a sample, and near it, where numbers tell
    /// where a frame is.
    pub fn seek(&mut self, sample: u64) {
        if !self.place.counts_samples() {
            return;
        }
        let near = NEAR * self.info.longest_block as u64;
        let (mut low, mut high) = ((self.at, self.place), (self.file.len(), self.length));
        for guess in 0..GUESSES {
            let span = high.1 - low.1.samples;
            if sample - low.1.samples <= near || high.0 - low.0 < 2 {
                break;
            }
            let bytes = (high.0 - low.0) as u64;
            // Frames are as long as others most often; halves serve where that misleads. A little
            // before, so that the frame aimed at is not missed.
            let ahead = if guess % 4 == 3 {
                bytes / 2
            } else {
                let ahead = u128::from(bytes) * u128::from(sample - low.1.samples - near / 2);
                (ahead / u128::from(span)) as u64
            };
            let from = low.0 + (ahead as usize).clamp(1, bytes as usize - 1);
            let place_of = |header: &Header| {
                let place = self.place.before(header.number)?;
                let between = low.1.samples < place.samples && place.samples < high.1;
                let plausible = between && check(&place, header, self.length).is_ok();
                plausible.then_some(place)
            };
            let by_sample = self.place.by_sample();
            let found = find(self.file, from..high.0, by_sample, |h| place_of(h).is_some());
            match found.and_then(|(at, header)| Some((at, place_of(&header)?))) {
                Some((at, place)) if place.samples <= sample => low = (at, place),
                // No frame up to the sample starts from there on.
                Some((_, place)) => high = (from, place.samples),
                None => high.0 = from,
            }
        }
        (self.at, self.place) = low;
    }
}

/// Checks that a frame with this header may be at this place of a file with `length` samples.
fn check(place: &Sequence, header: &Header, length: u64) -> Result<()> {
    place.check(header)?;
    let end = place.samples + header.samples as u64;
    if end > length {
        return Err(Error::corrupt(format!("{end} samples up to its end, expected {length}")));
    }
    Ok(())
}

/// The header at the start of `bytes`, and its length.
fn read_header(bytes: &[u8]) -> Result<(Header, usize)> {
    let mut reader = BitReader::new(bytes);
    let header = Header::read(&mut reader, bytes);
    // Zeros past the end may have looked like anything.
    reader.check()?;
    Ok((header?, reader.byte()))
}

/// The first place in a range where there is a header that is `wanted`.
fn find(
    file: &[u8],
    range: std::ops::Range<usize>,
    by_sample: bool,
    wanted: impl Fn(&Header) -> bool,
) -> Option<(usize, Header)> {
    let sync = [0xff, 0xf8 | u8::from(by_sample)];
    let mut from = range.start;
    while let Some(at) = find_pair(file, from, sync).filter(|&at| at < range.end) {
        match read_header(&file[at..]) {
            Ok((header, _)) if wanted(&header) => return Some((at, header)),
            _ => from = at + 1,
        }
    }
    None
}

/// The first place from `from` on where these two bytes are.
fn find_pair(bytes: &[u8], from: usize, [first, second]: [u8; 2]) -> Option<usize> {
    const STEP: usize = 64;
    let mut at = from;
    let mut pairs = bytes.get(from..)?;
    // Without a branch in it, this becomes a few vector instructions.
    while let Some((step, _)) = pairs.split_at_checked(STEP + 1) {
        let equal = |i: usize| (step[i] == first) & (step[i + 1] == second);
        if (0..STEP).fold(false, |any, i| any | equal(i)) {
            break;
        }
        pairs = &pairs[STEP..];
        at += STEP;
    }
    Some(at + pairs.windows(2).position(|pair| pair == [first, second])?)
}

#[cfg(test)]
mod tests {
    use super::find_pair;

    #[test]
    fn pairs_are_found_wherever_they_are() {
        for length in 0..300 {
            let mut bytes = vec![0xff; length];
            assert_eq!(find_pair(&bytes, 0, [0xff, 0xf8]), None);
            for at in 1..length {
                bytes[at] = 0xf8;
                for from in [0, 1.min(at - 1), at / 2, at - 1] {
                    assert_eq!(find_pair(&bytes, from, [0xff, 0xf8]), Some(at - 1));
                }
                assert_eq!(find_pair(&bytes, at, [0xff, 0xf8]), None);
                bytes[at] = 0xff;
            }
            assert_eq!(find_pair(&bytes, length + 1, [0xff, 0xf8]), None);
        }
    }
}

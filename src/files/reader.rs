//! Reading streams: many frames at a time where they are found, else one after another.

use super::{Integer, WIDTH};
use crate::error::{Error, Result};
use crate::flac::{ChannelDecoder, Finder, Found, Frame, FrameReader};
use std::ops::Range;

/// Which samples of streams are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Samples that each stream has.
    pub length: usize,
    /// Those wanted, one at least.
    pub samples: Range<usize>,
}

impl Wanted {
    /// Opens a file before its first frame.
    fn open<'a, T: Integer>(&self, file: &'a [u8]) -> Result<Finder<'a>> {
        Finder::new(file, T::CHANNELS, self.length as u64, WIDTH)
    }

    /// Opens a file before or at the first frame with samples that are wanted.
    fn find<'a, T: Integer>(&self, file: &'a [u8]) -> Result<Finder<'a>> {
        let mut finder = self.open::<T>(file)?;
        finder.seek(self.samples.start as u64);
        Ok(finder)
    }

    /// The next frame with samples that are wanted.
    fn next<'a>(&self, finder: &mut Finder<'a>) -> Result<Option<Found<'a>>> {
        while finder.samples() < self.samples.end as u64 {
            let found = finder.next_frame()?;
            if finder.samples() > self.samples.start as u64 {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Which samples of a frame are wanted, counted from its first.
    fn of(&self, first: u64, samples: usize) -> Range<usize> {
        let of_frame = |sample: usize| (sample as u64).saturating_sub(first).min(samples as u64);
        of_frame(self.samples.start) as usize..of_frame(self.samples.end) as usize
    }

    /// Where the first sample wanted of a frame goes, in the order of streams and samples.
    fn place(&self, stream: usize, first: u64) -> usize {
        let within = first.saturating_sub(self.samples.start as u64) as usize;
        stream * self.samples.len() + within
    }
}

/// Bytes of a file that were read.
#[derive(Clone, Copy, Debug)]
pub struct Covered {
    first: usize,
    last: usize,
    end: usize,
}

impl Covered {
    /// Whether other frames are those that follow, or the last of these is their first: a frame
    /// that two parts share.
    pub fn meets(&self, next: &Covered) -> bool {
        next.first == self.end || next.first == self.last
    }
}

/// Workspace of one thread.
#[derive(Default)]
pub struct Reader {
    decoder: ChannelDecoder,
    /// Samples that are not decoded in their place.
    samples: Vec<i32>,
    single: FrameReader,
    channels: [Vec<i32>; 2],
}

impl Reader {
    /// Reads what is wanted of some streams, which are numbered from `number` on.
    ///
    /// # Errors
    /// `Corrupt` and `Truncated`, within "stream i: frame j".
    pub fn read<T: Integer>(
        &mut self,
        files: &[&[u8]],
        number: usize,
        wanted: &Wanted,
        out: &mut [T],
    ) -> Result<()> {
        let mut frames = Vec::with_capacity(ChannelDecoder::MOST);
        let mut streams = 0..files.len();
        let mut finder: Option<Finder<'_>> = None;
        loop {
            frames.clear();
            let mut misled = None;
            while frames.len() < ChannelDecoder::MOST {
                let found = match &mut finder {
                    Some(finder) => wanted.next(finder),
                    None if streams.is_empty() => break,
                    None => {
                        let file = files[streams.start];
                        streams.start += 1;
                        wanted.find::<T>(file).and_then(|found| wanted.next(finder.insert(found)))
                    }
                };
                let stream = streams.start - 1;
                match found {
                    Ok(Some(found)) => frames.push((stream, found)),
                    Ok(None) => finder = None,
                    Err(_) => {
                        misled = Some(stream);
                        break;
                    }
                }
            }
            let good = self.decode(&frames, wanted, out);
            if let Some(stream) = frames.get(good).map(|frame| frame.0).or(misled) {
                let out = &mut out[stream * wanted.samples.len()..][..wanted.samples.len()];
                self.read_slowly(files[stream], wanted, out)
                    .map_err(|e| e.within(format!("stream {}", number + stream)))?;
                (streams.start, finder) = (stream + 1, None);
            } else if frames.is_empty() {
                return Ok(());
            }
        }
    }

    /// Reads what is wanted of one stream, unless it misleads.
    pub fn read_part<T: Integer>(
        &mut self,
        file: &[u8],
        wanted: &Wanted,
        out: &mut [T],
    ) -> Option<Covered> {
        let mut finder = wanted.find::<T>(file).ok()?;
        let mut frames = Vec::with_capacity(ChannelDecoder::MOST);
        let mut covered: Option<Covered> = None;
        loop {
            frames.clear();
            while frames.len() < ChannelDecoder::MOST
                && let Some(found) = wanted.next(&mut finder).ok()?
            {
                let (first, end) = (found.at, found.at + found.bytes.len());
                let before = covered.map_or(first, |covered| covered.first);
                covered = Some(Covered { first: before, last: first, end });
                frames.push((0, found));
            }
            if frames.is_empty() {
                return covered;
            }
            if self.decode(&frames, wanted, out) < frames.len() {
                return None;
            }
        }
    }

    /// Decodes frames of some streams. Returns how many, from the first on, are as they should be.
    fn decode<T: Integer>(
        &mut self,
        frames: &[(usize, Found<'_>)],
        wanted: &Wanted,
        out: &mut [T],
    ) -> usize {
        let Some(&(stream, first)) = frames.first() else { return 0 };
        let mut read = Vec::with_capacity(frames.len());
        read.extend(frames.iter().map(|(_, found)| {
            let samples = found.header.samples;
            let end = wanted.of(found.first, samples).end;
            (*found, end.max(Frame::FEWEST).min(samples))
        }));
        let pieces = || frames.iter().zip(&read);
        let in_place = pieces().all(|((_, found), (_, samples))| {
            wanted.of(found.first, found.header.samples) == (0..*samples)
        });
        if in_place && let Some(out) = T::as_channel(out) {
            let place = wanted.place(stream, first.first);
            let total: usize = read.iter().map(|(_, samples)| samples).sum();
            return self.decoder.decode(&read, 1, &mut out[place..place + total]);
        }
        let room = |(found, samples): &(Found<'_>, usize)| {
            if T::CHANNELS == 1 { *samples } else { found.header.samples }
        };
        let total: usize = read.iter().map(room).sum();
        self.samples.resize(self.samples.len().max(T::CHANNELS * total), 0);
        let samples = &mut self.samples[..T::CHANNELS * total];
        let good = self.decoder.decode(&read, T::CHANNELS, samples);
        let mut start = 0;
        for ((stream, found), read) in pieces().take(good) {
            let of_frame = wanted.of(found.first, found.header.samples);
            let low = start + of_frame.start..start + of_frame.end;
            let high = low.start + total..low.end + total;
            let place = wanted.place(*stream, found.first);
            let high = if T::CHANNELS == 2 { &self.samples[high] } else { &[] };
            T::join(&self.samples[low], high, &mut out[place..place + of_frame.len()]);
            start += room(read);
        }
        good
    }

    /// Reads what is wanted of one stream by reading all frames up to there, each of which says
    /// where the next one starts. This is what a stream's samples and errors are.
    ///
    /// # Errors
    /// `Corrupt` and `Truncated`, within "frame j".
    pub fn read_slowly<T: Integer>(
        &mut self,
        file: &[u8],
        wanted: &Wanted,
        out: &mut [T],
    ) -> Result<()> {
        let mut finder = wanted.open::<T>(file)?;
        while finder.samples() < wanted.samples.end as u64 {
            if finder.rest().is_empty() {
                let (found, expected) = (finder.samples(), wanted.length);
                return Err(Error::truncated(format!("{found} samples, expected {expected}")));
            }
            self.channels.iter_mut().for_each(Vec::clear);
            let channels = &mut self.channels[..T::CHANNELS];
            let (header, length) = self
                .single
                .read(finder.rest(), WIDTH, channels, |header| finder.check(header))
                .map_err(|e| e.within(finder.name()))?;
            let of_frame = wanted.of(finder.samples(), header.samples);
            if !of_frame.is_empty() {
                let place = wanted.place(0, finder.samples());
                let [low, high] = [0, T::CHANNELS - 1].map(|i| &self.channels[i][of_frame.clone()]);
                T::join(low, high, &mut out[place..place + of_frame.len()]);
            }
            finder.pass(&header, length);
        }
        let whole = wanted.samples == (0..wanted.length);
        if whole && !finder.rest().is_empty() {
            let more = finder.rest().len();
            return Err(Error::corrupt(format!("{more} bytes follow the last frame")));
        }
        Ok(())
    }
}

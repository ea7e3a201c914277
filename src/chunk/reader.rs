//! Parts of a chunk to samples.

use super::exceptions::{self, SPAN};
use super::head::Head;
use super::references::add_predictions;
use super::table::Stream;
use super::values;
use super::{low_bits, tails};
use crate::cross::Reference;
use crate::error::{Error, Result};
use crate::flac::{Decoder, Frame};
use crate::layout::ByteOrder;
use crate::quantize::{Form, Rule};
use crate::sample::Sample;
use std::marker::PhantomData;
use std::ops::Range;
use zerocopy::FromBytes;

/// Gives the bytes of a range of the chunk.
pub type Fetch<'f, 'b> = dyn Fn(Range<u64>) -> Option<&'b [u8]> + Sync + 'f;

/// The parts of a chunk.
#[derive(Clone, Copy)]
pub struct Parts<'a, 'b> {
    /// Where they are.
    pub head: &'a Head,
    /// Gives their bytes.
    pub fetch: &'a Fetch<'a, 'b>,
    /// Verify the CRC of each.
    pub verify: bool,
}

impl<'b> Parts<'_, 'b> {
    fn bytes(&self, range: Range<u64>) -> Result<&'b [u8]> {
        let length = range.end - range.start;
        (self.fetch)(range.clone()).filter(|bytes| bytes.len() as u64 == length).ok_or_else(|| {
            Error::truncated(format!("bytes {} to {} are missing", range.start, range.end))
        })
    }

    /// A frame of component stream `index`, wanted up to the stream's sample `end` or its own last
    /// one, and what follows it up to the next.
    pub fn frame(
        &self,
        index: usize,
        stream: &Stream,
        number: usize,
        end: usize,
    ) -> Result<(Frame<'b>, &'b [u8])> {
        let first = number * stream.block;
        let samples = stream.block.min(stream.coded - first);
        let [bytes, low] = self.head.frame(index, stream, number);
        let frame = Frame {
            bytes: self.bytes(bytes)?,
            samples,
            wanted: (end - first).max(Frame::FEWEST).min(samples),
            width: stream.width,
            number: number as u64,
        };
        Ok((frame, self.bytes(low)?))
    }
}

/// Where a stream's samples go in a buffer.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// First byte of the first sample.
    pub start: usize,
    /// Bytes from one sample to the next.
    pub stride: usize,
}

/// Samples made at a time, so that they stay in the fastest cache until they are written.
const STRETCH: usize = 1024;

impl Place {
    /// Writes the stream's samples from `first` on.
    fn write<T: Sample>(self, first: usize, samples: &[T], order: ByteOrder, out: &mut [u8]) {
        let little = order == ByteOrder::Little;
        let start = self.start + first * self.stride;
        if self.stride == T::SIZE {
            T::write_slice(samples, little, &mut out[start..]);
            return;
        }
        for (x, out) in samples.iter().zip(out[start..].chunks_mut(self.stride)) {
            T::write_slice(std::slice::from_ref(x), little, out);
        }
    }

    /// Room for `count` of the stream's samples from `first` on, where they can be made in place.
    fn room<T: Sample>(
        self,
        first: usize,
        count: usize,
        order: ByteOrder,
        out: &mut [u8],
    ) -> Option<&mut [T]> {
        if self.stride != T::SIZE || (order == ByteOrder::Little) != cfg!(target_endian = "little")
        {
            return None;
        }
        let start = self.start + first * self.stride;
        <[T]>::mut_from_bytes(&mut out[start..start + count * T::SIZE]).ok()
    }

    /// Writes the same sample `count` times.
    fn fill<T: Sample>(self, first: usize, count: usize, x: T, order: ByteOrder, out: &mut [u8]) {
        const MANY: usize = 64;
        let many = [x; MANY];
        for at in (0..count).step_by(MANY) {
            self.write(first + at, &many[..MANY.min(count - at)], order, out);
        }
    }

    /// Writes the first `count` of the samples, which `make` makes from the one that it is given
    /// on. Returns whether it said that one is bad.
    fn make<T: Sample>(
        self,
        count: usize,
        order: ByteOrder,
        out: &mut [u8],
        make: impl Fn(usize, &mut [T]) -> bool,
    ) -> bool {
        if let Some(samples) = self.room(0, count, order, out) {
            return make(0, samples);
        }
        let mut samples = [T::default(); STRETCH];
        let mut bad = false;
        for first in (0..count).step_by(STRETCH) {
            let samples = &mut samples[..STRETCH.min(count - first)];
            bad |= make(first, samples);
            self.write(first, samples, order, out);
        }
        bad
    }
}

/// A frame to decode, and what of it is wanted.
struct Piece<'b> {
    index: usize,
    stream: Stream,
    frame: Frame<'b>,
    low: &'b [u8],
    /// Samples of the stream that are wanted, and where the first of them goes.
    keep: Range<usize>,
    place: Place,
}

impl Piece<'_> {
    /// Those samples among the frame's.
    fn kept(&self) -> Range<usize> {
        let first = self.frame.number as usize * self.stream.block;
        self.keep.start - first..self.keep.end - first
    }

    fn named(&self, e: Error) -> Error {
        e.within(format!("frame {}", self.frame.number)).within(format!("stream {}", self.index))
    }
}

/// Samples of a stream to be overwritten by its exceptions, once its frames are decoded.
struct Patch {
    index: usize,
    stream: Stream,
    samples: Range<usize>,
    place: Place,
}

/// Buffers of one thread.
#[derive(Default)]
pub struct Workspace {
    /// Decodes FLAC frames.
    pub decoder: Decoder,
    payload: Vec<i32>,
    k: Vec<i64>,
}

/// Frames decoded side by side.
pub const BATCH: usize = 16;

/// Decodes parts of streams into one buffer.
pub struct Reader<'a, 'b, T> {
    parts: Parts<'a, 'b>,
    references: &'a [Reference],
    workspace: &'a mut Workspace,
    pieces: Vec<Piece<'b>>,
    patches: Vec<Patch>,
    sample: PhantomData<T>,
}

impl<'a, 'b, T: Sample> Reader<'a, 'b, T> {
    /// A reader of a chunk's parts. `references` hold what its streams need of them.
    pub fn new(
        parts: Parts<'a, 'b>,
        references: &'a [Reference],
        workspace: &'a mut Workspace,
    ) -> Self {
        let (pieces, patches) = (Vec::with_capacity(BATCH), Vec::new());
        Reader { parts, references, workspace, pieces, patches, sample: PhantomData }
    }

    fn order(&self) -> ByteOrder {
        self.parts.head.dtype.order
    }

    /// Decodes samples of component stream `index`, the first of them to `place`. They are in
    /// `out` after the next [`Reader::flush`].
    pub fn add(
        &mut self,
        index: usize,
        samples: Range<usize>,
        place: Place,
        out: &mut [u8],
    ) -> Result<()> {
        let stream = self.parts.head.stream(index);
        let named = |e: Error| e.within(format!("stream {index}"));
        // Samples without a frame have k = 0.
        let coded = if stream.form == Form::Constant { 0 } else { stream.coded };
        let plain = samples.start.max(coded)..samples.end;
        if !plain.is_empty() {
            let at = plain.start - samples.start;
            self.plain(&stream, plain, at, place, out).map_err(named)?;
        }
        let framed = samples.start..samples.end.min(coded);
        if let Some(k) = self.kept(index, &framed) {
            let bad = place.make(framed.len(), self.order(), out, |at, samples: &mut [T]| {
                let k = &k[at..at + samples.len()];
                values::narrow(&stream, k, framed.start + at, samples)
            });
            check::<T>(bad, &stream).map_err(named)?;
        } else if !framed.is_empty() {
            for number in framed.start / stream.block..framed.end.div_ceil(stream.block) {
                let first = number * stream.block;
                let keep = first.max(framed.start)..framed.end.min(first + stream.block);
                let (frame, low) =
                    self.parts.frame(index, &stream, number, keep.end).map_err(named)?;
                let start = place.start + (keep.start - samples.start) * place.stride;
                let place = Place { start, ..place };
                self.pieces.push(Piece { index, stream, frame, low, keep, place });
                if self.pieces.len() == BATCH {
                    self.flush(out)?;
                }
            }
        }
        if stream.exceptions {
            self.patches.push(Patch { index, stream, samples, place });
            if self.patches.len() == BATCH {
                self.flush(out)?;
            }
        }
        Ok(())
    }

    /// Writes samples whose k is 0, the first of them `at` samples behind `place`.
    fn plain(
        &self,
        stream: &Stream,
        samples: Range<usize>,
        at: usize,
        place: Place,
        out: &mut [u8],
    ) -> Result<()> {
        let Stream { rule, offset, .. } = *stream;
        let x: T = rule.decode(offset, samples.start);
        check::<T>(rule.is_outside(offset, x), stream)?;
        if let Rule::Dithered(..) = rule {
            for (i, sample) in samples.enumerate() {
                let x: T = rule.decode(offset, sample);
                place.write(at + i, &[x], self.order(), out);
            }
        } else {
            place.fill(at, samples.len(), x, self.order(), out);
        }
        Ok(())
    }

    /// The k of samples of a stream, where it is a reference that was decoded there.
    fn kept(&self, index: usize, samples: &Range<usize>) -> Option<&'a [i32]> {
        let place = self.parts.head.predictions().place(index)?;
        let Reference { first, k, .. } = self.references.get(place)?;
        k.get(samples.start.checked_sub(*first)?..samples.end.checked_sub(*first)?)
    }

    /// Overwrites the exceptions among a stream's samples.
    fn exceptions(&self, patch: &Patch, out: &mut [u8]) -> Result<()> {
        let Patch { index, ref stream, ref samples, place } = *patch;
        let Parts { head, verify, .. } = self.parts;
        for span in samples.start / SPAN..samples.end.div_ceil(SPAN) {
            let range = head.exceptions(index, stream, span);
            if range.is_empty() {
                continue;
            }
            let block = self.parts.bytes(range)?;
            let length = head.shape.length;
            exceptions::read(block, span * SPAN, length, verify, |start, count, x: T| {
                let from = start.max(samples.start);
                let to = (start + count).min(samples.end);
                if from < to {
                    place.fill(from - samples.start, to - from, x, self.order(), out);
                }
            })?;
        }
        Ok(())
    }

    /// Decodes what is waiting.
    pub fn flush(&mut self, out: &mut [u8]) -> Result<()> {
        let mut pieces = std::mem::take(&mut self.pieces);
        let mut patches = std::mem::take(&mut self.patches);
        let result = self.decode(&pieces, out).and_then(|()| {
            patches.iter().try_for_each(|patch| {
                let named = |e: Error| e.within(format!("stream {}", patch.index));
                self.exceptions(patch, out).map_err(named)
            })
        });
        pieces.clear();
        patches.clear();
        self.pieces = pieces;
        self.patches = patches;
        result
    }

    fn decode(&mut self, pieces: &[Piece<'b>], out: &mut [u8]) -> Result<()> {
        let Workspace { decoder, payload, k } = &mut *self.workspace;
        let mut frames = [Frame { bytes: &[], samples: 0, wanted: 0, width: 4, number: 0 }; BATCH];
        for (frame, piece) in frames.iter_mut().zip(pieces) {
            *frame = piece.frame;
        }
        let frames = &frames[..pieces.len()];
        let total = frames.iter().map(|frame| frame.wanted).sum();
        if payload.len() < total {
            payload.resize(total, 0);
        }
        decoder
            .decode(frames, &mut payload[..total], self.parts.verify)
            .map_err(|(i, e)| pieces[i].named(e))?;
        let mut rest = &mut payload[..total];
        for piece in pieces {
            let (now, after) = rest.split_at_mut(piece.frame.wanted);
            rest = after;
            write_samples::<T>(self.parts, self.references, piece, now, k, out)
                .map_err(|e| piece.named(e))?;
        }
        Ok(())
    }
}

/// Reports a sample that is outside its type, where there may be none: what stands under an
/// exception may be anything.
fn check<T>(bad: bool, stream: &Stream) -> Result<()> {
    if bad && !stream.exceptions {
        let name = std::any::type_name::<T>();
        return Err(Error::corrupt(format!("a sample outside the range of {name}")));
    }
    Ok(())
}

/// What is stored beside a frame, without its CRC-32.
fn checked<'b>(bytes: &'b [u8], verify: bool, what: &str) -> Result<&'b [u8]> {
    let (packed, check) =
        bytes.split_last_chunk().ok_or_else(|| Error::truncated(format!("no {what}")))?;
    if verify && crc32fast::hash(packed) != u32::from_le_bytes(*check) {
        return Err(Error::corrupt(format!("the {what} do not match their CRC-32")));
    }
    Ok(packed)
}

/// Writes the wanted samples of a frame from what FLAC coded of it.
fn write_samples<T: Sample>(
    Parts { head, verify, .. }: Parts<'_, '_>,
    references: &[Reference],
    piece: &Piece<'_>,
    payload: &mut [i32],
    k: &mut Vec<i64>,
    out: &mut [u8],
) -> Result<()> {
    let Piece { index, stream, place, .. } = piece;
    let (kept, first, number) = (piece.kept(), piece.keep.start, piece.frame.number as usize);
    k.clear();
    match stream.form {
        Form::Constant | Form::Narrow => {}
        Form::Split { low } => {
            let packed = checked(piece.low, verify, "low bits")?;
            k.extend(payload.iter().map(|&high| i64::from(high)));
            low_bits::unpack_below(packed, low, k);
        }
        Form::Fixed { exponent } => {
            let packed = checked(piece.low, verify, "places")?;
            k.extend(payload.iter().map(|&multiple| i64::from(multiple)));
            let complete = payload.len() == piece.frame.samples;
            tails::unpack::<T>(packed, exponent, complete, k)?;
        }
        Form::Difference { step } => {
            let mut last = head.anchor(*index, number).wrapping_sub(step);
            k.extend(payload.iter().map(|&d| {
                last = last.wrapping_add(step).wrapping_add(i64::from(d));
                last
            }));
        }
        Form::Predicted { bits } => {
            let predictor = head.predictions().predictor(*index, number);
            let payload = &mut payload[kept.clone()];
            add_predictions(&predictor, references, first, bits, payload)?;
        }
    }
    let bad = place.make(kept.len(), head.dtype.order, out, |at, samples: &mut [T]| {
        let of_frame = kept.start + at..kept.start + at + samples.len();
        if k.is_empty() {
            values::narrow(stream, &payload[of_frame], first + at, samples)
        } else {
            values::wide(stream, &k[of_frame], first + at, samples)
        }
    });
    check::<T>(bad, stream)
}

//! A chunk to raw bytes.

use super::exceptions::{self, SPAN};
use super::head::{Head, TRAILER};
use super::low_bits;
use super::table::Stream;
use super::values;
use crate::error::{Error, Result};
use crate::flac::{Decoder, Frame};
use crate::layout::ByteOrder;
use crate::parallel::{Workspaces, map};
use crate::quantize::{Form, Rule};
use crate::sample::Sample;
use crate::with_sample;
use std::marker::PhantomData;
use std::ops::Range;
use zerocopy::FromBytes;

/// How to decode.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Verify the checksums (H5Z_FLAG_SKIP_EDC clears it).
    pub verify: bool,
    /// Threads to use, at least 1.
    pub threads: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options { verify: true, threads: 1 }
    }
}

/// Zeroed memory, if there is any.
pub(super) fn allocate(length: usize) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    out.try_reserve_exact(length)
        .map_err(|_| Error::too_large(format!("no memory for {length} bytes")))?;
    out.resize(length, 0);
    Ok(out)
}

/// Decompresses a chunk of at most `max_len` raw bytes.
///
/// # Errors
/// `Corrupt`, `Truncated`, `Unsupported` (a later format version), `TooLarge` when the chunk says
/// that it has more.
pub fn decompress(bytes: &[u8], max_len: usize, options: &Options) -> Result<Vec<u8>> {
    let head = Head::read(bytes, options.verify)?;
    let length = head.raw_len();
    if length > max_len {
        return Err(Error::too_large(format!(
            "the chunk decodes to {length} bytes, and at most {max_len} are allowed"
        )));
    }
    let mut out = allocate(length)?;
    head.decompress_into(bytes, &mut out, options)?;
    Ok(out)
}

/// Decompresses a chunk into `out`, exactly as long as the raw chunk.
///
/// # Errors
/// As [`decompress`]; `InvalidArgument` when `out` has another length.
pub fn decompress_into(bytes: &[u8], out: &mut [u8], options: &Options) -> Result<()> {
    // The head first: for bytes that are something else it has the better message.
    Head::read(bytes, options.verify)?.decompress_into(bytes, out, options)
}

impl Head {
    /// Decompresses the chunk that this is the head of, all its `bytes`, into `out`, exactly as
    /// long as the raw chunk.
    ///
    /// # Errors
    /// As [`decompress_into`].
    pub fn decompress_into(&self, bytes: &[u8], out: &mut [u8], options: &Options) -> Result<()> {
        if self.raw_len() != out.len() {
            return Err(Error::invalid(format!(
                "room for {} bytes, and the chunk decodes to {}",
                out.len(),
                self.raw_len()
            )));
        }
        let expected = self.chunk_len()?;
        if expected > bytes.len() as u64 {
            return Err(Error::truncated(format!(
                "{} bytes of a chunk of {expected}",
                bytes.len()
            )));
        }
        if expected < bytes.len() as u64 {
            return Err(Error::corrupt(format!("{} bytes for a chunk of {expected}", bytes.len())));
        }
        let (covered, check) =
            bytes.split_last_chunk::<TRAILER>().expect("longer than its trailer");
        if options.verify && crc32fast::hash(covered) != u32::from_le_bytes(*check) {
            return Err(Error::corrupt(
                "the chunk does not match its CRC-32: its bytes were changed",
            ));
        }
        if self.is_raw() {
            out.copy_from_slice(&covered[covered.len() - out.len()..]);
            return Ok(());
        }
        with_sample!(self.dtype, T => whole::<T>(self, covered, out, options.threads))
    }
}

/// Samples that a thread decodes at a time, about.
pub(super) const TASK: usize = 1 << 18;

/// Tasks that are enough to keep a thread busy until all are done.
const TASKS: usize = 2;

/// Longest block that the encoder makes: tasks that begin at multiples of it cut no frame.
const GRAIN: usize = crate::flac::MAX_BLOCK;

/// Decodes all streams of a coded chunk, whose checksum holds.
fn whole<T: Sample>(head: &Head, bytes: &[u8], out: &mut [u8], threads: usize) -> Result<()> {
    let shape = head.shape;
    // Component streams side by side in memory.
    let side = shape.inner * head.dtype.components();
    let row = side * T::SIZE;
    let rows = (TASK / side).max(1).next_multiple_of(GRAIN);
    let mut tasks = Vec::new();
    if shape.length <= rows {
        // Larger where there are streams enough for all threads: frames of several streams fill
        // the lanes that the last frames of one would leave idle.
        let share = shape.outer / (TASKS * threads);
        let each = (TASK / side.saturating_mul(shape.length).min(TASK)).max(share).max(1);
        for (i, out) in out.chunks_mut(each * shape.length * row).enumerate() {
            tasks.push((i * each, 0..shape.length, out));
        }
    } else {
        for (outer, out) in out.chunks_mut(shape.length * row).enumerate() {
            for (i, out) in out.chunks_mut(rows * row).enumerate() {
                tasks.push((outer, i * rows..shape.length.min((i + 1) * rows), out));
            }
        }
    }
    let workspaces = Workspaces::default();
    let fetch = |range: Range<u64>| bytes.get(range.start as usize..range.end as usize);
    let done = map(threads, tasks, |(outer, samples, out)| {
        workspaces.with(Workspace::default, |workspace| {
            let slab = samples.len() * row;
            let streams = out.len() / slab * side;
            let mut reader = Reader::<T>::new(head, &fetch, false, workspace);
            for i in 0..streams {
                let place = Place { start: i / side * slab + i % side * T::SIZE, stride: row };
                reader.add(outer * side + i, samples.clone(), place, out)?;
            }
            reader.flush(out)
        })
    });
    done.into_iter().collect()
}

/// Where a stream's samples go in a buffer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// First byte of the first sample.
    pub start: usize,
    /// Bytes from one sample to the next.
    pub stride: usize,
}

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
}

/// A frame to decode, and what of it is wanted.
struct Piece<'b> {
    index: usize,
    stream: Stream,
    frame: usize,
    bytes: &'b [u8],
    low: &'b [u8],
    /// Samples of the frame, and how many are decoded: those to the last that is wanted.
    samples: Range<usize>,
    decoded: usize,
    /// Those of them that are wanted, and where the first of them goes.
    keep: Range<usize>,
    place: Place,
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
pub(super) struct Workspace {
    decoder: Decoder,
    payload: Vec<i32>,
    k: Vec<i64>,
}

/// Gives the bytes of a range of the chunk.
pub(super) type Fetch<'f, 'b> = dyn Fn(Range<u64>) -> Option<&'b [u8]> + Sync + 'f;

/// Frames decoded side by side.
const BATCH: usize = 16;

/// Decodes parts of streams into one buffer.
pub(super) struct Reader<'a, 'b, T> {
    head: &'a Head,
    fetch: &'a Fetch<'a, 'b>,
    /// Verify the CRC of each part.
    verify: bool,
    workspace: &'a mut Workspace,
    pieces: Vec<Piece<'b>>,
    patches: Vec<Patch>,
    sample: PhantomData<T>,
}

impl<'a, 'b, T: Sample> Reader<'a, 'b, T> {
    /// A reader of the parts that `fetch` gives.
    pub fn new(
        head: &'a Head,
        fetch: &'a Fetch<'a, 'b>,
        verify: bool,
        workspace: &'a mut Workspace,
    ) -> Self {
        Reader {
            head,
            fetch,
            verify,
            workspace,
            pieces: Vec::with_capacity(BATCH),
            patches: Vec::new(),
            sample: PhantomData,
        }
    }

    fn bytes(&self, range: Range<u64>) -> Result<&'b [u8]> {
        let length = range.end - range.start;
        (self.fetch)(range.clone()).filter(|bytes| bytes.len() as u64 == length).ok_or_else(|| {
            Error::truncated(format!("bytes {} to {} are missing", range.start, range.end))
        })
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
        let stream = self.head.stream(index);
        let named = |e: Error| e.within(format!("stream {index}"));
        // Samples without a frame have k = 0.
        let coded = if stream.form == Form::Constant { 0 } else { stream.coded };
        let plain = samples.start.max(coded)..samples.end;
        if !plain.is_empty() {
            let order = self.head.dtype.order;
            let at = plain.start - samples.start;
            let x: T = stream.rule.decode(stream.offset, plain.start);
            if stream.rule.is_outside(stream.offset, x) && !stream.exceptions {
                return Err(named(outside::<T>()));
            }
            if let Rule::Dithered(..) = stream.rule {
                for i in plain {
                    let x: T = stream.rule.decode(stream.offset, i);
                    place.write(i - samples.start, &[x], order, out);
                }
            } else {
                place.fill(at, plain.len(), x, order, out);
            }
        }
        let framed = samples.start..samples.end.min(coded);
        if !framed.is_empty() {
            for frame in framed.start / stream.block..framed.end.div_ceil(stream.block) {
                let first = frame * stream.block;
                let all = first..stream.coded.min(first + stream.block);
                let keep = all.start.max(framed.start)..all.end.min(framed.end);
                let [frame_bytes, low] = self.head.frame(index, &stream, frame);
                let piece = Piece {
                    index,
                    stream,
                    frame,
                    bytes: self.bytes(frame_bytes).map_err(named)?,
                    low: self.bytes(low).map_err(named)?,
                    place: Place {
                        start: place.start + (keep.start - samples.start) * place.stride,
                        ..place
                    },
                    decoded: (keep.end - first).max(Frame::FEWEST).min(all.len()),
                    samples: all,
                    keep,
                };
                self.pieces.push(piece);
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

    /// Overwrites the exceptions among a stream's samples.
    fn exceptions(&self, patch: &Patch, out: &mut [u8]) -> Result<()> {
        let Patch { index, ref stream, ref samples, place } = *patch;
        for span in samples.start / SPAN..samples.end.div_ceil(SPAN) {
            let range = self.head.exceptions(index, stream, span);
            if range.is_empty() {
                continue;
            }
            let block = self.bytes(range)?;
            let length = self.head.shape.length;
            exceptions::read(block, span * SPAN, length, self.verify, |start, count, x: T| {
                let from = start.max(samples.start);
                let to = (start + count).min(samples.end);
                if from < to {
                    let order = self.head.dtype.order;
                    place.fill(from - samples.start, to - from, x, order, out);
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
        let frame = |piece: &Piece<'b>| Frame {
            bytes: piece.bytes,
            samples: piece.samples.len(),
            wanted: piece.decoded,
            width: piece.stream.width,
            number: piece.frame as u64,
        };
        let mut frames = [Frame { bytes: &[], samples: 0, wanted: 0, width: 4, number: 0 }; BATCH];
        for (frame_of, piece) in frames.iter_mut().zip(pieces) {
            *frame_of = frame(piece);
        }
        let frames = &frames[..pieces.len()];
        let total = frames.iter().map(|frame| frame.wanted).sum();
        if payload.len() < total {
            payload.resize(total, 0);
        }
        let place = |piece: &Piece<'b>, e: Error| {
            e.within(format!("frame {}", piece.frame)).within(format!("stream {}", piece.index))
        };
        decoder
            .decode(frames, &mut payload[..total], self.verify)
            .map_err(|(i, e)| place(&pieces[i], e))?;
        let mut rest = &payload[..total];
        for piece in pieces {
            let (now, after) = rest.split_at(piece.decoded);
            rest = after;
            let bad = write_samples::<T>(self.head, piece, now, self.verify, k, out)
                .map_err(|e| place(piece, e))?;
            // What stands under an exception may be anything.
            if bad && !piece.stream.exceptions {
                return Err(place(piece, outside::<T>()));
            }
        }
        Ok(())
    }
}

fn outside<T>() -> Error {
    Error::corrupt(format!("a sample outside the range of {}", std::any::type_name::<T>()))
}

/// Samples made at a time, so that they stay in the fastest cache until they are written.
const STRETCH: usize = 1024;

/// Writes the wanted samples of a frame from what FLAC coded of it. Returns whether one is outside
/// the type's range.
fn write_samples<T: Sample>(
    head: &Head,
    piece: &Piece<'_>,
    payload: &[i32],
    verify: bool,
    k: &mut Vec<i64>,
    out: &mut [u8],
) -> Result<bool> {
    match piece.stream.form {
        Form::Constant | Form::Narrow => k.clear(),
        Form::Split { low } => {
            let (packed, check) =
                piece.low.split_last_chunk().ok_or_else(|| Error::truncated("no low bits"))?;
            if verify && crc32fast::hash(packed) != u32::from_le_bytes(*check) {
                return Err(Error::corrupt("the low bits do not match their CRC-32"));
            }
            k.clear();
            k.extend(payload.iter().map(|&high| i64::from(high)));
            low_bits::unpack_below(packed, low, k);
        }
        Form::Difference { step } => {
            let mut last = head.anchor(piece.index, piece.frame).wrapping_sub(step);
            k.clear();
            k.extend(payload.iter().map(|&d| {
                last = last.wrapping_add(step).wrapping_add(i64::from(d));
                last
            }));
        }
    }
    let make = |first: usize, samples: &mut [T]| {
        let at = first - piece.samples.start..first - piece.samples.start + samples.len();
        if k.is_empty() {
            values::narrow(&piece.stream, &payload[at], first, samples)
        } else {
            values::wide(&piece.stream, &k[at], first, samples)
        }
    };
    let Piece { keep, place, .. } = piece;
    let order = head.dtype.order;
    if let Some(samples) = place.room(0, keep.len(), order, out) {
        return Ok(make(keep.start, samples));
    }
    let mut samples = [T::default(); STRETCH];
    let mut bad = false;
    for first in keep.clone().step_by(STRETCH) {
        let samples = &mut samples[..STRETCH.min(keep.end - first)];
        bad |= make(first, samples);
        place.write(first - keep.start, samples, order, out);
    }
    Ok(bad)
}

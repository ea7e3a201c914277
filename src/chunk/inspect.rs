//! What a chunk says of each stream, without decoding it.

use super::exceptions::{self, SPAN};
use super::head::Head;
use crate::error::{Error, Result};
use crate::quantize::{Form, Rule};
use crate::sample::Sample;
use crate::with_sample;

/// How the samples of a stream are coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Coding {
    /// As they are, since that is smallest.
    Raw = 0,
    /// Each as one of its type's values: every bit comes back.
    Lossless = 1,
    /// As multiples of a quanta.
    Quanta = 2,
    /// As multiples of a decimal fraction.
    Decimal = 3,
    /// As multiples of a quanta with subtractive dither.
    Dithered = 4,
    /// As multiples of a step from an offset.
    Affine = 5,
}

/// A component stream of a chunk: complex numbers have two for each stream.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StreamInfo {
    /// How its samples are coded.
    pub coding: Coding,
    /// The step, in the unit of the data; 0 where every bit comes back.
    pub quanta: f64,
    /// What [`Coding::Affine`] adds to the multiples, else 0.
    pub offset: f64,
    /// Common factor of the integers that are coded, 1 where there is none.
    pub factor: u64,
    /// Bits per sample of its FLAC frames, 0 without any.
    pub width: u32,
    /// Bits per sample that are stored beside the frames, for integers too wide for FLAC.
    pub low_bits: u32,
    /// Whether other streams of the chunk predict it.
    pub predicted: bool,
    /// Whether other streams of the chunk are predicted from it.
    pub reference: bool,
    /// FLAC frames.
    pub frames: u64,
    /// Bytes of frames and exceptions; the chunk's head and checksum are not counted.
    pub bytes: u64,
    /// Samples that are stored bit for bit beside the frames.
    pub exceptions: u64,
}

impl Head {
    /// Component streams of the chunk: those of its shape, twice as many for complex numbers.
    pub fn component_streams(&self) -> usize {
        // No overflow: the chunk's bytes do not.
        self.shape.streams() * self.dtype.components()
    }

    /// What the chunk that this is the head of, all its `bytes`, says of component stream `index`,
    /// in the order (outer, inner, component). The exceptions are verified, the frames are not
    /// looked at.
    ///
    /// # Errors
    /// `Corrupt`, `Truncated`; `InvalidArgument` where there is no such stream.
    pub fn inspect(&self, bytes: &[u8], index: usize) -> Result<StreamInfo> {
        let expected = self.chunk_len()?;
        if expected > bytes.len() as u64 {
            return Err(Error::truncated(format!("{} bytes of {expected}", bytes.len())));
        }
        if index >= self.component_streams() {
            return Err(Error::invalid(format!(
                "stream {index}, but the chunk has {}",
                self.component_streams()
            )));
        }
        with_sample!(self.dtype, T => inspect::<T>(self, bytes, index))
            .map_err(|e| e.within(format!("stream {index}")))
    }
}

fn inspect<T: Sample>(head: &Head, bytes: &[u8], index: usize) -> Result<StreamInfo> {
    if head.is_raw() {
        return Ok(StreamInfo {
            coding: Coding::Raw,
            quanta: 0.0,
            offset: 0.0,
            factor: 1,
            width: 0,
            low_bits: 0,
            predicted: false,
            reference: false,
            frames: 0,
            bytes: (head.shape.length * T::SIZE) as u64,
            exceptions: 0,
        });
    }
    let (stream, length) = (head.stream(index), head.shape.length);
    let mut exceptions = 0;
    // None has bytes in a chunk without frames or exceptions, which has no rows to look them up.
    let spans = if head.has_parts() { length.div_ceil(SPAN) } else { 0 };
    for span in 0..spans {
        let range = head.exceptions(index, &stream, span);
        if !range.is_empty() {
            // In bounds: they end within the chunk's length, which is checked above.
            let block = &bytes[range.start as usize..range.end as usize];
            exceptions::read::<T>(block, span * SPAN, length, true, |_, count, _| {
                exceptions += count as u64;
            })?;
        }
    }
    Ok(StreamInfo {
        coding: match stream.rule {
            Rule::Ordered | Rule::Folded => Coding::Lossless,
            Rule::Quanta(_) => Coding::Quanta,
            Rule::Decimal { .. } => Coding::Decimal,
            Rule::Dithered(..) => Coding::Dithered,
            Rule::Affine { .. } => Coding::Affine,
        },
        quanta: stream.rule.step(),
        offset: if let Rule::Affine { offset, .. } = stream.rule { offset } else { 0.0 },
        factor: stream.factor,
        width: stream.width,
        low_bits: match stream.form {
            Form::Split { low } => low,
            Form::Fixed { .. } => {
                let behind = |frame| head.frame(index, &stream, frame)[1].clone();
                let bytes: u64 = (0..stream.frames()).map(behind).map(|r| r.end - r.start).sum();
                (8 * bytes).div_ceil(stream.coded as u64) as u32
            }
            _ => 0,
        },
        predicted: matches!(stream.form, Form::Predicted { .. }),
        reference: head.predictions().references().contains(&index),
        frames: stream.frames() as u64,
        bytes: head.stream_bytes(index),
        exceptions,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::{Request, compress};
    use crate::{ByteOrder, Class, Dtype, Mode, Params, Shape};

    fn chunk(samples: &[f32], mode: Mode) -> Vec<u8> {
        let data: Vec<u8> = samples.iter().flat_map(|x| x.to_le_bytes()).collect();
        let request = Request {
            dtype: Dtype::new(Class::Float, 4, ByteOrder::Little, false).unwrap(),
            shape: Shape { outer: 2, length: samples.len() / 2, inner: 1 },
            fill: None,
            params: Params { mode, ..Params::default() },
            quanta: None,
            affine: None,
            threads: 1,
            alone: false,
        };
        compress(&data, &request).unwrap().into_vec()
    }

    #[test]
    fn streams_are_described_as_they_were_asked_for() {
        let noise = |i: usize| (i as f32 * 12.9898).sin() * 43758.547 % 1.0;
        let mut samples: Vec<f32> = (0..20_000).map(noise).collect();
        samples[11_000..11_007].fill(f32::NAN);
        let bytes = chunk(&samples, Mode::Quanta(0.01));
        let head = Head::parse(&bytes).unwrap();
        let found = [0, 1].map(|i| head.inspect(&bytes, i).unwrap());
        for info in found {
            assert_eq!((info.coding, info.quanta), (Coding::Quanta, 0.01));
            assert!(info.frames >= 1 && (4..=32).contains(&info.width));
        }
        assert_eq!(found.map(|info| info.exceptions), [0, 7]);
        let sum: u64 = found.iter().map(|info| info.bytes).sum();
        assert_eq!(sum + Head::length(&bytes).unwrap() as u64 + 4, bytes.len() as u64);
        assert!(head.inspect(&bytes, 2).unwrap_err().to_string().contains("the chunk has 2"));
        assert!(head.inspect(&bytes[..bytes.len() - 1], 0).is_err());
    }

    #[test]
    fn constant_and_lossless_streams_have_no_step() {
        let bytes = chunk(&[1.5; 2000], Mode::Lossless);
        let info = Head::parse(&bytes).unwrap().inspect(&bytes, 1).unwrap();
        assert_eq!(
            (info.coding, info.quanta, info.frames, info.bytes),
            (Coding::Lossless, 0.0, 0, 0)
        );
    }
}

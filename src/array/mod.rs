//! An array of streams in memory, compressed: [`FlacArray`], in the types of [`ndarray`].
//!
//! The streams run along the last axis; the axes before it are the *leading* ones. The array is one
//! chunk, so that any part of it is decoded without the rest.
//!
//! ```
//! use h5flac::{FlacArray, Mode, Params};
//! use ndarray::{Array3, s};
//!
//! // Two cameras of three detectors, each with 10,000 samples, in steps of 0.01.
//! let data = Array3::from_shape_fn((2, 3, 10_000), |(camera, detector, time)| {
//!     ((camera + 2 * detector) as f32 + 0.01 * time as f32).sin()
//! });
//! let params = Params { mode: Mode::Quanta(0.01), ..Params::default() };
//! let array = FlacArray::from_array(&data, params)?;
//! assert_eq!(array.shape(), [2, 3, 10_000]);
//! assert!(array.nbytes() < data.len() * 4 / 4);
//!
//! // A hundred samples of the second camera.
//! let part = array.slice(s![1, .., 500..600])?;
//! assert_eq!(part.shape(), [3, 100]);
//! for (x, y) in data.slice(s![1, .., 500..600]).iter().zip(&part) {
//!     assert!((x - y).abs() <= 0.005);
//! }
//! # Ok::<(), h5flac::Error>(())
//! ```

mod element;
mod slicing;
mod streams;

pub use element::Element;
pub use streams::Streams;

use crate::chunk::{self, Head, Request, Selection, StreamInfo};
use crate::error::{Error, Result};
use crate::layout::Shape;
use crate::params::Params;
use element::{bytes_of, native_order};
use ndarray::{Array2, ArrayD, ArrayRef, Dimension, IxDyn, SliceInfoElem};
use std::marker::PhantomData;
use std::ops::{Bound, Range, RangeBounds};
use std::sync::Arc;
use zerocopy::IntoBytes;

/// How [`FlacArray::from_array`] compresses; [`Params`] alone will do.
#[derive(Clone, Copy, Debug)]
pub struct Compression<'a, T> {
    /// Level, mode and dither. The stream axis is the last, 0.
    pub params: Params,
    /// A step for each stream, in the order of the leading axes, instead of the mode's. Floats
    /// only.
    pub quanta: Option<&'a [f64]>,
    /// A value that comes back exact and enters no statistic.
    pub fill: Option<T>,
    /// Threads that compress and decompress, at least 1.
    pub threads: usize,
}

impl<T> Default for Compression<'_, T> {
    fn default() -> Self {
        Params::default().into()
    }
}

impl<T> From<Params> for Compression<'_, T> {
    fn from(params: Params) -> Self {
        Compression { params, quanta: None, fill: None, threads: 1 }
    }
}

/// An array whose streams, along the last axis, are compressed.
#[derive(Clone, Debug)]
pub struct FlacArray<T> {
    shape: Vec<usize>,
    bytes: Vec<u8>,
    /// That of the bytes.
    head: Arc<Head>,
    threads: usize,
    element: PhantomData<T>,
}

impl<T: Element> FlacArray<T> {
    /// Compresses an array of at least one axis and one element, in any memory order.
    ///
    /// # Errors
    /// `InvalidArgument` for an array without elements, parameters out of range, another stream
    /// axis than the last, quanta that are not one for each stream or no steps. Never because of
    /// sample values.
    pub fn from_array<'a, D: Dimension>(
        array: &ArrayRef<T, D>,
        compression: impl Into<Compression<'a, T>>,
    ) -> Result<Self> {
        let Compression { params, quanta, fill, threads } = compression.into();
        if params.axis != 0 {
            return Err(Error::invalid(format!(
                "stream axis {} from the last; use 0, the last axis, and move that of time there: \
                 see ndarray's permuted_axes",
                params.axis
            )));
        }
        let shape = array.shape();
        if array.is_empty() || shape.is_empty() {
            return Err(Error::invalid(format!(
                "an array of shape {shape:?}; it must have an axis and an element"
            )));
        }
        let ordered = array.as_standard_layout();
        let samples = ordered.as_slice().expect("in standard layout");
        let fill = fill.map(|fill| bytes_of(&[fill]).into_owned());
        let request = Request {
            dtype: T::DTYPE,
            shape: Shape::from_dims(shape, 0)?,
            fill: fill.as_deref(),
            params,
            quanta,
            affine: None,
            threads: threads.max(1),
            alone: false,
        };
        let bytes = chunk::compress(&bytes_of(samples), &request)?.into_vec();
        let array = Self::from_bytes(bytes)?.with_threads(threads);
        array.with_leading_shape(&shape[..shape.len() - 1])
    }

    /// An array of the bytes of a chunk, whoever wrote it: what [`FlacArray::as_bytes`] gave, or
    /// what HDF5 stores. Its streams are rows, or have two leading axes where the chunk has axes
    /// behind that of time; [`FlacArray::with_leading_shape`] restores others.
    ///
    /// # Errors
    /// `Corrupt`, `Truncated`, `Unsupported` for what the head says; `InvalidArgument` for a chunk
    /// of another type than `T`. The samples are verified when they are decoded.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self> {
        let head = Head::parse(&bytes)?;
        let expected = T::DTYPE;
        let found = crate::Dtype { order: expected.order, ..head.dtype };
        if found != expected {
            return Err(Error::invalid(format!(
                "a chunk of {}, and the array is of {expected}",
                head.dtype
            )));
        }
        let length = head.chunk_len()?;
        if length > bytes.len() as u64 {
            return Err(Error::truncated(format!("{} bytes of {length}", bytes.len())));
        }
        if length < bytes.len() as u64 {
            return Err(Error::corrupt(format!("{} bytes for a chunk of {length}", bytes.len())));
        }
        let Shape { outer, length, inner } = head.shape;
        let shape = if inner == 1 { vec![outer, length] } else { vec![outer, inner, length] };
        Ok(FlacArray { shape, bytes, head: Arc::new(head), threads: 1, element: PhantomData })
    }

    /// The same streams with other leading axes; none for a single stream.
    ///
    /// # Errors
    /// `InvalidArgument` where these have room for another number of streams.
    pub fn with_leading_shape(mut self, leading: &[usize]) -> Result<Self> {
        let room = leading.iter().try_fold(1_usize, |all, &n| all.checked_mul(n));
        if room != Some(self.stream_count()) {
            return Err(Error::invalid(format!(
                "leading axes {leading:?} for {} streams",
                self.stream_count()
            )));
        }
        let size = self.stream_size();
        self.shape.clear();
        self.shape.extend(leading);
        self.shape.push(size);
        Ok(self)
    }

    /// The same array, decompressed by so many threads, at least 1.
    #[must_use]
    pub fn with_threads(mut self, threads: usize) -> Self {
        self.threads = threads.max(1);
        self
    }

    /// Its shape.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Its shape without the last axis, that of time.
    pub fn leading_shape(&self) -> &[usize] {
        &self.shape[..self.shape.len() - 1]
    }

    /// Samples of a stream.
    pub fn stream_size(&self) -> usize {
        self.head.shape.length
    }

    /// Streams.
    pub fn stream_count(&self) -> usize {
        self.head.shape.streams()
    }

    /// Elements in all.
    pub fn size(&self) -> usize {
        self.stream_count() * self.stream_size()
    }

    /// Bytes that it is compressed to.
    pub fn nbytes(&self) -> usize {
        self.bytes.len()
    }

    /// Its bytes: a chunk as `docs/format.md` specifies it, which says all but the leading axes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Its bytes; see [`FlacArray::as_bytes`].
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// How a stream is stored: its step, frames, bytes, exceptions. Streams are numbered in the
    /// order of the leading axes.
    ///
    /// # Errors
    /// `InvalidArgument` where there is no such stream, `Corrupt` for damaged exceptions.
    pub fn stream_info(&self, stream: usize) -> Result<StreamInfo> {
        self.head.inspect(&self.bytes, stream)
    }

    /// Decompresses it all.
    ///
    /// # Errors
    /// `Corrupt`; `TooLarge` where there is no memory.
    pub fn to_array(&self) -> Result<ArrayD<T>> {
        let samples = self.decode(None, 0..self.stream_size())?;
        Ok(shaped(self.shape.clone(), samples))
    }

    /// Decompresses a range of samples of some streams, in the order of their numbers here: an
    /// array of shape (streams, samples). Nothing else is decoded but what predicts these.
    ///
    /// # Errors
    /// `InvalidArgument` where there are no such streams or samples, `Corrupt`, `TooLarge`.
    pub fn streams(
        &self,
        streams: &[usize],
        samples: impl RangeBounds<usize>,
    ) -> Result<Array2<T>> {
        let samples = self.range(samples);
        let rows = (streams.len(), samples.len());
        let found = self.decode(Some(streams), samples)?;
        Ok(Array2::from_shape_vec(rows, found).expect("as many as were decoded"))
    }

    /// Decompresses a range of samples of those streams where `keep`, of the leading shape, is
    /// true: an array of shape (streams, samples), in the order of the leading axes.
    ///
    /// # Errors
    /// As [`FlacArray::streams`]; `InvalidArgument` where `keep` has another shape.
    pub fn keep<D: Dimension>(
        &self,
        keep: &ArrayRef<bool, D>,
        samples: impl RangeBounds<usize>,
    ) -> Result<Array2<T>> {
        if keep.shape() != self.leading_shape() {
            return Err(Error::invalid(format!(
                "a mask of shape {:?} for leading axes {:?}",
                keep.shape(),
                self.leading_shape()
            )));
        }
        let kept = keep.iter().enumerate().filter(|(_, keep)| **keep);
        self.streams(&kept.map(|(stream, _)| stream).collect::<Vec<_>>(), samples)
    }

    /// Decompresses what a slice by [`ndarray::s!`] selects, as slicing the whole array would:
    /// `array.slice(s![1, .., 500..600])`. Indices and ranges may count from the end, ranges have
    /// steps. Along time the samples from the first to the last selected are decoded.
    ///
    /// # Errors
    /// `InvalidArgument` for another number of axes, a new one, or what lies outside an axis;
    /// `Corrupt`, `TooLarge`.
    pub fn slice(&self, slice: impl AsRef<[SliceInfoElem]>) -> Result<ArrayD<T>> {
        let parts = slicing::parts(slice.as_ref(), &self.shape)?;
        let streams = slicing::streams(&parts, &self.shape);
        let (time, leading) = parts.split_last().expect("an axis at least");
        let samples = time.range();
        let mut shape: Vec<usize> =
            leading.iter().filter(|part| !part.single).map(|part| part.len()).collect();
        shape.push(samples.len());
        let found = self.decode(Some(&streams), samples)?;
        Ok(time.thinned(shaped(shape, found)))
    }

    /// Decompresses the streams one after another, in the order of the leading axes. A few are
    /// decoded at a time.
    pub fn iter_streams(&self) -> Streams<'_, T> {
        Streams::new(self)
    }

    /// A range of samples as numbers. What lies outside is found where it is decoded.
    fn range(&self, samples: impl RangeBounds<usize>) -> Range<usize> {
        let start = match samples.start_bound() {
            Bound::Included(&first) => first,
            Bound::Excluded(&before) => before.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let end = match samples.end_bound() {
            Bound::Included(&last) => last.saturating_add(1),
            Bound::Excluded(&end) => end,
            Bound::Unbounded => self.stream_size(),
        };
        start..end
    }

    /// Samples of streams, or of all, one stream after another.
    fn decode(&self, streams: Option<&[usize]>, samples: Range<usize>) -> Result<Vec<T>> {
        let options = chunk::Options { verify: true, threads: self.threads };
        let selection = Selection { streams, samples };
        let mut found = chunk::allocate::<T>(selection.bytes(&self.head)? / T::SIZE)?;
        let out = found.as_mut_bytes();
        let whole = streams.is_none() && selection.samples == (0..self.stream_size());
        if whole && self.head.shape.inner == 1 {
            self.head.decompress_into(&self.bytes, out, &options)?;
        } else {
            let fetch =
                |range: Range<u64>| self.bytes.get(range.start as usize..range.end as usize);
            self.head.decode_selection(&selection, &fetch, out, &options)?;
        }
        native_order(&mut found, self.head.dtype.order);
        Ok(found)
    }
}

/// Equal arrays have the same shape and bytes. Others may decompress to the same samples.
impl<T> PartialEq for FlacArray<T> {
    fn eq(&self, other: &Self) -> bool {
        self.shape == other.shape && self.bytes == other.bytes
    }
}

fn shaped<T>(shape: Vec<usize>, samples: Vec<T>) -> ArrayD<T> {
    ArrayD::from_shape_vec(IxDyn(&shape), samples).expect("as many as were decoded")
}

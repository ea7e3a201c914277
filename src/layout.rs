//! What a chunk holds: its sample type, its shape, and one stream of it as a strided view.
//!
//! A chunk is an array of shape (outer, length, inner); a stream is a vector along the middle
//! axis. Complex elements are two components side by side, so they double `inner`.

use crate::error::{Error, Result};
use crate::sample::Sample;
use std::fmt;
use zerocopy::{FromBytes, IntoBytes};

/// Number class of a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Two's complement integers.
    Signed,
    /// Unsigned integers.
    Unsigned,
    /// IEEE 754 binary floats.
    Float,
}

/// Byte order of stored samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ByteOrder {
    /// Least significant byte first.
    Little,
    /// Most significant byte first.
    Big,
}

impl ByteOrder {
    /// This machine's.
    pub const NATIVE: ByteOrder =
        if cfg!(target_endian = "little") { ByteOrder::Little } else { ByteOrder::Big };
}

/// Type of a chunk's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Dtype {
    /// Number class of each component.
    pub class: Class,
    /// Bytes of one component: 1, 2, 4, 8 for integers, 2, 4, 8 for floats.
    pub size: usize,
    /// Byte order of each component.
    pub order: ByteOrder,
    /// Whether an element is a pair (real, imaginary) of floats.
    pub complex: bool,
}

impl Dtype {
    /// Checks that class and size name a type this crate codes.
    ///
    /// # Errors
    /// `Unsupported` for any other combination.
    pub fn new(class: Class, size: usize, order: ByteOrder, complex: bool) -> Result<Self> {
        let known = match class {
            Class::Float => matches!(size, 2 | 4 | 8),
            Class::Signed | Class::Unsigned => matches!(size, 1 | 2 | 4 | 8) && !complex,
        };
        let dtype = Dtype { class, size, order, complex };
        if known { Ok(dtype) } else { Err(Error::unsupported(format!("element type {dtype:?}"))) }
    }

    /// Components per element: 2 for complex, else 1.
    pub fn components(&self) -> usize {
        1 + usize::from(self.complex)
    }

    /// Bytes of one element.
    pub fn element_size(&self) -> usize {
        self.size * self.components()
    }
}

/// As NumPy names types: "int16", "big-endian complex64".
impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.order == ByteOrder::Big {
            f.write_str("big-endian ")?;
        }
        let class = match self.class {
            Class::Signed => "int",
            Class::Unsigned => "uint",
            Class::Float if self.complex => "complex",
            Class::Float => "float",
        };
        write!(f, "{class}{}", 8 * self.element_size())
    }
}

/// Shape of a chunk around its stream axis, in elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    /// Product of the axes before the stream axis.
    pub outer: usize,
    /// Samples in each stream.
    pub length: usize,
    /// Product of the axes after the stream axis.
    pub inner: usize,
}

impl Shape {
    /// Splits `dims` around the axis that stands `axis` places from the last.
    ///
    /// # Errors
    /// `InvalidArgument` when there is no such axis, `TooLarge` when a product overflows.
    pub fn from_dims(dims: &[usize], axis: usize) -> Result<Self> {
        let rank = dims.len();
        if axis >= rank {
            return Err(Error::invalid(format!(
                "stream axis {axis} from the last, but the chunk has {rank} dimensions; \
                 use 0 to {}",
                rank.saturating_sub(1)
            )));
        }
        let at = rank - 1 - axis;
        let product = |d: &[usize]| {
            d.iter()
                .try_fold(1usize, |a, &b| a.checked_mul(b))
                .ok_or_else(|| Error::too_large(format!("chunk dimensions {dims:?} overflow")))
        };
        Ok(Shape {
            outer: product(&dims[..at])?,
            length: dims[at],
            inner: product(&dims[at + 1..])?,
        })
    }

    /// Number of elements, if it fits.
    pub fn elements(&self) -> Option<usize> {
        self.outer.checked_mul(self.length)?.checked_mul(self.inner)
    }

    /// Number of streams of elements.
    pub fn streams(&self) -> usize {
        self.outer * self.inner
    }
}

/// Side of the squares in which neighbouring streams are copied: a cache line of 4-byte samples.
const TILE: usize = 16;

/// One stream of components inside a chunk's raw bytes.
#[derive(Clone, Copy)]
pub struct StreamView<'a> {
    data: &'a [u8],
    /// Byte position of the first component.
    start: usize,
    /// Bytes from one component of the stream to the next.
    stride: usize,
    length: usize,
    order: ByteOrder,
}

impl<'a> StreamView<'a> {
    /// Component stream `index` of a chunk's `data`; component streams are numbered
    /// (outer, inner, component) in row-major order.
    pub fn new(data: &'a [u8], dtype: &Dtype, shape: &Shape, index: usize) -> Self {
        let inner = shape.inner * dtype.components();
        let (o, i) = (index / inner, index % inner);
        let start = (o * shape.length * inner + i) * dtype.size;
        StreamView {
            data,
            start,
            stride: inner * dtype.size,
            length: shape.length,
            order: dtype.order,
        }
    }

    /// Stream `index` of those that follow each other in `samples`, each of `length`.
    pub fn contiguous<T: Sample>(samples: &'a [T], length: usize, index: usize) -> Self {
        StreamView {
            data: samples.as_bytes(),
            start: index * length * T::SIZE,
            stride: T::SIZE,
            length,
            order: ByteOrder::NATIVE,
        }
    }

    /// Whether the stream's samples follow each other directly.
    pub fn is_contiguous<T: Sample>(&self) -> bool {
        self.stride == T::SIZE
    }

    /// Copies this stream and its `count` − 1 neighbours in the chunk, one after another.
    pub fn read_neighbours<T: Sample>(&self, count: usize, out: &mut [T]) {
        debug_assert!(count * T::SIZE <= self.stride);
        let little = self.order == ByteOrder::Little;
        let mut tile = [T::default(); TILE * TILE];
        for from in (0..count).step_by(TILE) {
            let width = TILE.min(count - from);
            for first in (0..self.length).step_by(TILE) {
                let height = TILE.min(self.length - first);
                for (row, across) in tile.chunks_exact_mut(TILE).take(height).enumerate() {
                    let at = self.start + (first + row) * self.stride + from * T::SIZE;
                    let bytes = &self.data[at..at + width * T::SIZE];
                    T::read_slice(bytes, little, &mut across[..width]);
                }
                for column in 0..width {
                    let at = (from + column) * self.length + first;
                    let down = tile[column..].iter().step_by(TILE);
                    out[at..at + height].iter_mut().zip(down).for_each(|(out, &x)| *out = x);
                }
            }
        }
    }

    /// Samples `first..first + length` of the stream as a stream.
    pub fn part(&self, first: usize, length: usize) -> Self {
        debug_assert!(first + length <= self.length);
        StreamView { start: self.start + first * self.stride, length, ..*self }
    }

    /// Samples in the stream.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether the stream has no samples.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Samples `first..first + length`: where they lie, if they lie there as in memory, or copied
    /// into `buffer`.
    pub fn samples<'b, T: Sample>(
        &'b self,
        first: usize,
        length: usize,
        buffer: &'b mut Vec<T>,
    ) -> &'b [T] {
        if self.order == ByteOrder::NATIVE && self.stride == T::SIZE {
            let start = self.start + first * T::SIZE;
            let bytes = &self.data[start..start + length * T::SIZE];
            if let Ok(samples) = <[T]>::ref_from_bytes(bytes) {
                return samples;
            }
        }
        buffer.resize(length, T::default());
        self.read(first, buffer);
        buffer
    }

    /// Copies samples `first..first + out.len()` into `out` in native byte order.
    pub fn read<T: Sample>(&self, first: usize, out: &mut [T]) {
        debug_assert!(first + out.len() <= self.length);
        let start = self.start + first * self.stride;
        let little = self.order == ByteOrder::Little;
        if self.stride == T::SIZE {
            let bytes = &self.data[start..start + out.len() * T::SIZE];
            T::read_slice(bytes, little, out);
        } else {
            for (i, x) in out.iter_mut().enumerate() {
                let at = start + i * self.stride;
                T::read_slice(&self.data[at..at + T::SIZE], little, std::slice::from_mut(x));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_named_as_numpy_names_them() {
        let name = |class, size, order, complex| Dtype { class, size, order, complex }.to_string();
        assert_eq!(name(Class::Signed, 2, ByteOrder::Little, false), "int16");
        assert_eq!(name(Class::Unsigned, 1, ByteOrder::Little, false), "uint8");
        assert_eq!(name(Class::Float, 4, ByteOrder::Big, true), "big-endian complex64");
    }

    #[test]
    fn neighbours_are_read_as_each_one_alone() {
        let dtype = Dtype::new(Class::Signed, 2, ByteOrder::Big, false).unwrap();
        for (length, inner) in [(1, 5), (16, 16), (37, 40), (100, 17)] {
            let shape = Shape { outer: 2, length, inner };
            let data: Vec<u8> = (0..4 * length * inner).map(|i| (i * 7 % 251) as u8).collect();
            let view = |i| StreamView::new(&data, &dtype, &shape, inner + i);
            let mut all = vec![0_i16; (inner - 1) * length];
            view(1).read_neighbours(inner - 1, &mut all);
            for i in 0..inner - 1 {
                let (mut alone, mut copied) = (vec![0_i16; length], vec![0_i16; length]);
                view(1 + i).read(0, &mut alone);
                StreamView::contiguous(&all, length, i).read(0, &mut copied);
                assert_eq!(alone, copied, "stream {i} of {shape:?}");
            }
        }
    }
}

//! The streams of an array, one after another.

use super::{Element, FlacArray};
use crate::error::Result;
use ndarray::{Array1, Array2, Axis};

/// Samples that are decoded at a time, about: enough for all threads, and for what predicts
/// several streams to be decoded once for them.
const BATCH: usize = 1 << 20;

/// Iterator over the decompressed streams of an array; see [`FlacArray::iter_streams`]. It ends
/// after an error.
#[derive(Clone, Debug)]
pub struct Streams<'a, T> {
    array: &'a FlacArray<T>,
    /// The streams decoded last, and the number of the first.
    batch: Array2<T>,
    first: usize,
    next: usize,
}

impl<'a, T: Element> Streams<'a, T> {
    pub(super) fn new(array: &'a FlacArray<T>) -> Self {
        Streams { array, batch: Array2::default((0, 0)), first: 0, next: 0 }
    }

    /// Decodes the next streams.
    fn advance(&mut self) -> Result<()> {
        let count = (BATCH / self.array.stream_size()).max(self.array.threads);
        let end = self.array.stream_count().min(self.next + count);
        let numbers: Vec<usize> = (self.next..end).collect();
        self.batch = self.array.streams(&numbers, ..)?;
        self.first = self.next;
        Ok(())
    }
}

impl<T: Element> Iterator for Streams<'_, T> {
    type Item = Result<Array1<T>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next == self.array.stream_count() {
            return None;
        }
        if self.next == self.first + self.batch.nrows()
            && let Err(error) = self.advance()
        {
            self.next = self.array.stream_count();
            return Some(Err(error));
        }
        let row = self.batch.index_axis(Axis(0), self.next - self.first).to_owned();
        self.next += 1;
        Some(Ok(row))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.array.stream_count() - self.next;
        (left, Some(left))
    }
}

impl<T: Element> ExactSizeIterator for Streams<'_, T> {}

impl<T: Element> std::iter::FusedIterator for Streams<'_, T> {}

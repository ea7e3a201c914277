//! Subframes read and restored side by side.

use super::bit_reader::BitReader;
use super::residual;
use super::subframe::{self, Pending};
use crate::error::{Error, Result};
use crate::simd::{Kernels, Residual, Restore};

/// Frames read before they are restored side by side: a multiple of every kernel's lanes, and
/// few enough that 16 blocks of 16384 samples stay in a cache of 1 MiB.
pub const BATCH: usize = 16;

/// A subframe to be read.
pub struct Subframe<'b> {
    reader: BitReader<'b>,
    /// Bits per sample, 33 at most.
    width: u32,
    /// Samples it has.
    block: usize,
    /// How many of them are wanted, the first ones.
    wanted: usize,
    /// How many are read.
    read: usize,
    /// For how many there is room.
    room: usize,
    /// What is left to do where there is a residual; or what is wrong.
    begun: Result<Option<Pending>>,
}

impl<'b> Subframe<'b> {
    /// A subframe that starts where `reader` is. It is `wanted` whole, or the longest warm-up at
    /// least.
    pub fn new(reader: BitReader<'b>, width: u32, block: usize, wanted: usize) -> Self {
        Subframe { reader, width, block, wanted, read: wanted, room: wanted, begun: Ok(None) }
    }

    /// The same with room for all its samples.
    #[must_use]
    pub fn with_room(self) -> Self {
        Subframe { room: self.block, ..self }
    }

    /// The same read as a whole, to find what follows.
    #[must_use]
    pub fn followed(self) -> Self {
        Subframe { read: self.block, ..self.with_room() }
    }

    /// Where reading ended: where the next one starts, if this one was read as a whole.
    ///
    /// # Errors
    /// What was wrong with it.
    pub fn end(&self) -> Result<BitReader<'b>> {
        // Zeros past the end may have looked like anything.
        self.reader.check()?;
        match &self.begun {
            Ok(_) => Ok(self.reader.clone()),
            Err(error) => Err(error.clone()),
        }
    }
}

/// Workspace of one thread.
pub struct Batch {
    pub kernels: &'static Kernels,
    restores: Vec<Restore>,
    /// For each of those, its place among all subframes read and what is left to do after.
    pending: Vec<(usize, Pending)>,
    /// Subframes read since the last restoration.
    read: usize,
}

impl Batch {
    /// A workspace that uses these kernels.
    pub fn new(kernels: &'static Kernels) -> Self {
        Batch { kernels, restores: Vec::new(), pending: Vec::new(), read: 0 }
    }

    /// Forgets what was read and not restored.
    pub fn begin(&mut self) {
        self.restores.clear();
        self.pending.clear();
        self.read = 0;
    }

    /// Reads subframes; those without a mistake are then to be restored. What is wanted of them is
    /// at the start of their room in `out`, which begins at `start`.
    pub fn read(&mut self, subframes: &mut [Subframe<'_>], out: &mut [i32], start: usize) {
        let mut residuals: Vec<Residual<'_, '_>> = Vec::with_capacity(subframes.len());
        let mut rest = &mut out[start..];
        for Subframe { reader, width, block, read, room, begun, .. } in subframes.iter_mut() {
            let (samples, after) = rest.split_at_mut(*room);
            rest = after;
            let samples = &mut samples[..*read];
            let opened = subframe::open(reader, self.kernels, *width, *block, samples);
            let opened = reader.check().and(opened);
            *begun = opened.map(|(pending, residual)| {
                let residual = residual?;
                residuals.push(residual);
                Some(pending)
            });
        }
        (self.kernels.read_residuals)(&mut residuals);
        let residuals: Vec<_> =
            residuals.into_iter().map(|r| (residual::close(&r), r.reader)).collect();
        let mut residuals = residuals.into_iter();
        let mut start = start;
        for (i, subframe) in (self.read..).zip(subframes.iter_mut()) {
            let samples = start..start + subframe.wanted;
            start += subframe.room;
            let Ok(begun) = &mut subframe.begun else { continue };
            let Some(mut pending) = begun.take() else { continue };
            let (folded, reader) = residuals.next().expect("a residual for each that is coded");
            subframe.reader = reader;
            subframe.begun = folded.and_then(|folded| {
                let magnitudes = pending.take(folded);
                if let Some(restore) = pending.restore.take() {
                    let (start, length) = (samples.start, samples.len());
                    self.restores.push(Restore { start, length, ..restore });
                    self.pending.push((i, pending));
                } else {
                    pending.finish(magnitudes, &mut out[samples])?;
                }
                Ok(None)
            });
        }
        self.read += subframes.len();
    }

    /// Restores the subframes read; `failed` gets the place among them of each whose samples do not
    /// fit their width, and what is wrong.
    pub fn restore(&mut self, out: &mut [i32], mut failed: impl FnMut(usize, Error)) {
        (self.kernels.restore)(out, &mut self.restores);
        for (restore, (i, pending)) in self.restores.iter().zip(&self.pending) {
            let samples = &mut out[restore.start..restore.start + restore.length];
            if let Err(error) = pending.finish(restore.magnitudes, samples) {
                failed(*i, error);
            }
        }
        self.begin();
    }
}

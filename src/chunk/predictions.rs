//! Which streams predict others, and by which predictors: the table's part of form 4.

use super::bytes::{Cursor, put_varint};
use crate::arithmetic::{unzigzag, zigzag};
use crate::cross::{
    MOST_COEFFICIENT, MOST_LAG, MOST_REFERENCES, MOST_SHIFT, MOST_TAPS, Predictor, Term,
};
use crate::error::{Error, Result};
use std::ops::Range;

/// The predictors of a stream.
#[derive(Debug)]
struct Entry {
    /// The stream.
    index: usize,
    /// Frames that share a predictor.
    frames: usize,
    /// Its first predictor among those of all streams.
    first: usize,
}

/// Reference streams, and the predictors of the streams of form 4. Memory is in proportion to the
/// bytes: each entry takes two of them at least, each predictor one.
#[derive(Debug, Default)]
pub struct Predictions {
    references: Vec<usize>,
    /// One for each stream of form 4, in order.
    entries: Vec<Entry>,
    /// Where each predictor begins in `bytes`.
    starts: Vec<usize>,
    /// What was read, and found valid.
    bytes: Vec<u8>,
}

impl Predictions {
    /// Reads the references of a chunk of `streams`. `may_predict` says whether a stream has a
    /// form that lets it.
    ///
    /// # Errors
    /// `Corrupt` or `Truncated`.
    pub fn read_references(
        cursor: &mut Cursor<'_>,
        streams: usize,
        may_predict: impl Fn(usize) -> Result<bool>,
    ) -> Result<Self> {
        let count = cursor.size()?;
        if !(1..=MOST_REFERENCES).contains(&count) {
            return Err(Error::corrupt(format!(
                "{count} references, and a chunk has 1 to {MOST_REFERENCES}"
            )));
        }
        let mut references = Vec::with_capacity(count);
        for _ in 0..count {
            let index = cursor.size()?;
            if index >= streams {
                return Err(Error::corrupt(format!("reference {index} of {streams} streams")));
            }
            if references.contains(&index) {
                return Err(Error::corrupt(format!("reference {index} twice")));
            }
            if !may_predict(index)? {
                return Err(Error::corrupt(format!(
                    "reference {index} is of another form than 1 and 4"
                )));
            }
            references.push(index);
        }
        Ok(Predictions { references, ..Self::default() })
    }

    /// Reads the predictors of the `count` streams of form 4, which `streams` gives in order, each
    /// with its number of frames.
    ///
    /// # Errors
    /// `Corrupt` or `Truncated`.
    pub fn read_predictors(
        &mut self,
        cursor: &mut Cursor<'_>,
        count: u64,
        streams: impl Iterator<Item = (usize, usize)>,
    ) -> Result<()> {
        // Frames that share a predictor, and one predictor.
        if count > cursor.left() as u64 / 2 {
            return Err(Error::truncated(format!(
                "predictors of {count} streams in {} bytes",
                cursor.left()
            )));
        }
        self.entries.reserve_exact(count as usize);
        let bytes = cursor.rest();
        for (index, frames) in streams {
            let read = self.read_stream(cursor, bytes.len(), index, frames);
            read.map_err(|e| e.within(format!("stream {index}")))?;
        }
        self.bytes = bytes[..bytes.len() - cursor.left()].to_vec();
        Ok(())
    }

    /// Reads the predictors of a stream; `all` bytes were left before those of the first one.
    fn read_stream(
        &mut self,
        cursor: &mut Cursor<'_>,
        all: usize,
        index: usize,
        frames: usize,
    ) -> Result<()> {
        let shared = match cursor.size()? {
            0 => usize::MAX,
            shared => shared,
        };
        let count = frames.div_ceil(shared);
        if count > cursor.left() {
            return Err(Error::truncated(format!("{count} predictors in {} bytes", cursor.left())));
        }
        self.entries.push(Entry { index, frames: shared, first: self.starts.len() });
        // A reference is predicted from those before it.
        let usable = self.place(index).unwrap_or(self.references.len());
        self.starts.reserve(count);
        for number in 0..count {
            self.starts.push(all - cursor.left());
            read_predictor(cursor, usable).map_err(|e| e.within(format!("predictor {number}")))?;
        }
        Ok(())
    }

    /// The reference streams, each predicted from those before it only.
    pub fn references(&self) -> &[usize] {
        &self.references
    }

    /// The place of a stream among the references, if it is one.
    pub fn place(&self, index: usize) -> Option<usize> {
        self.references.iter().position(|&reference| reference == index)
    }

    /// The predictors of frames, one at least, of a stream of form 4, each with the frames that it
    /// predicts.
    pub fn predictors(
        &self,
        index: usize,
        frames: Range<usize>,
    ) -> impl Iterator<Item = (Range<usize>, Predictor)> + '_ {
        let entry = self.entries.binary_search_by_key(&index, |entry| entry.index);
        let &Entry { frames: shared, first, .. } = &self.entries[entry.expect("of form 4")];
        (frames.start / shared..=(frames.end - 1) / shared).map(move |number| {
            let start = frames.start.max(number * shared);
            let end = frames.end.min((number + 1).saturating_mul(shared));
            let mut cursor = Cursor::new(&self.bytes[self.starts[first + number]..]);
            let predictor = read_predictor(&mut cursor, self.references.len());
            (start..end, predictor.expect("checked while it was read"))
        })
    }

    /// The predictor of a frame of a stream of form 4.
    pub fn predictor(&self, index: usize, frame: usize) -> Predictor {
        let (_, predictor) = self.predictors(index, frame..frame + 1).next().expect("of one frame");
        predictor
    }
}

/// Reads a predictor that may use the first `usable` references.
fn read_predictor(cursor: &mut Cursor<'_>, usable: usize) -> Result<Predictor> {
    let count = cursor.varint()?;
    if count > MOST_REFERENCES as u64 {
        return Err(Error::corrupt(format!("{count} terms, and at most {MOST_REFERENCES} can be")));
    }
    if count == 0 {
        return Ok(Predictor::default());
    }
    let shift = cursor.varint()?;
    if shift > u64::from(MOST_SHIFT) {
        return Err(Error::corrupt(format!("shift {shift}; at most {MOST_SHIFT} is valid")));
    }
    let mut terms: Vec<Term> = Vec::with_capacity(count as usize);
    for _ in 0..count {
        let term = read_term(cursor, usable)?;
        if let Some(last) = terms.last()
            && last.reference >= term.reference
        {
            return Err(Error::corrupt(format!(
                "a term of reference {} after one of {}; they ascend",
                term.reference, last.reference
            )));
        }
        terms.push(term);
    }
    Ok(Predictor { shift: shift as u32, terms })
}

fn read_term(cursor: &mut Cursor<'_>, usable: usize) -> Result<Term> {
    let reference = cursor.size()?;
    if reference >= usable {
        return Err(Error::corrupt(format!(
            "a term of reference {reference}, and this stream may use {usable}"
        )));
    }
    let lag = unzigzag(cursor.varint()?);
    if lag.unsigned_abs() > u64::from(MOST_LAG.unsigned_abs()) {
        return Err(Error::corrupt(format!("lag {lag}; it is within ±{MOST_LAG}")));
    }
    let taps = cursor.size()?;
    if !(1..=MOST_TAPS).contains(&taps) {
        return Err(Error::corrupt(format!("{taps} coefficients; a term has 1 to {MOST_TAPS}")));
    }
    let mut coefficients = Vec::with_capacity(taps);
    for _ in 0..taps {
        let coefficient = unzigzag(cursor.varint()?);
        if coefficient.unsigned_abs() > u64::from(MOST_COEFFICIENT.unsigned_abs()) {
            return Err(Error::corrupt(format!(
                "coefficient {coefficient}; it is within ±{MOST_COEFFICIENT}"
            )));
        }
        coefficients.push(coefficient as i32);
    }
    Ok(Term { reference, lag: lag as i32, coefficients })
}

/// Appends the references of a chunk.
pub fn put_references(references: &[usize], out: &mut Vec<u8>) {
    put_varint(references.len() as u64, out);
    references.iter().for_each(|&index| put_varint(index as u64, out));
}

/// Appends the predictors of a stream, each of which `frames` frames share; 0 stands for all.
pub fn put_predictors(frames: usize, predictors: &[Predictor], out: &mut Vec<u8>) {
    put_varint(frames as u64, out);
    for Predictor { shift, terms } in predictors {
        put_varint(terms.len() as u64, out);
        if terms.is_empty() {
            continue;
        }
        put_varint(u64::from(*shift), out);
        for Term { reference, lag, coefficients } in terms {
            put_varint(*reference as u64, out);
            put_varint(zigzag(i64::from(*lag)), out);
            put_varint(coefficients.len() as u64, out);
            coefficients.iter().for_each(|&c| put_varint(zigzag(i64::from(c)), out));
        }
    }
}

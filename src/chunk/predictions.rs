//! Which streams predict others, and by which predictors: the table's part of form 4.

use super::bytes::{Cursor, put_varint};
use super::table::Stream;
use crate::arithmetic::{unzigzag, zigzag};
use crate::cross::{
    MOST_COEFFICIENT, MOST_LAG, MOST_REFERENCES, MOST_SHIFT, MOST_TAPS, Predictor, Term,
};
use crate::error::{Error, Result};
use crate::quantize::Form;
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
    /// Most samples between one and what predicts it directly.
    reach: usize,
}

impl Predictions {
    /// Reads references and predictors of a chunk of `streams`, of which `predicted` have form 4;
    /// `stream` describes one.
    ///
    /// # Errors
    /// `Corrupt` or `Truncated`.
    pub fn read(
        cursor: &mut Cursor<'_>,
        streams: usize,
        predicted: u64,
        stream: impl Fn(usize) -> Stream,
    ) -> Result<Self> {
        let references = read_references(cursor, streams, &stream)?;
        // Frames that share a predictor, and one predictor.
        if predicted > cursor.left() as u64 / 2 {
            return Err(Error::truncated(format!(
                "predictors of {predicted} streams in {} bytes",
                cursor.left()
            )));
        }
        let mut all = Predictions { references, ..Self::default() };
        all.entries.reserve_exact(predicted as usize);
        let bytes = cursor.rest();
        // A visit to each stream is earned: all are predicted, or have bytes in some column.
        for index in 0..if predicted == 0 { 0 } else { streams } {
            let stream = stream(index);
            if let Form::Predicted { .. } = stream.form {
                let read = all.read_stream(cursor, bytes.len(), index, stream.frames());
                read.map_err(|e| e.within(format!("stream {index}")))?;
            }
        }
        all.bytes = bytes[..bytes.len() - cursor.left()].to_vec();
        Ok(all)
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
            let read = read_predictor(cursor, usable);
            let predictor = read.map_err(|e| e.within(format!("predictor {number}")))?;
            let reach = |term: &Term| term.lag.unsigned_abs() as usize + term.coefficients.len();
            self.reach = predictor.terms.iter().map(reach).fold(self.reach, usize::max);
        }
        Ok(())
    }

    /// The reference streams, each predicted from those before it only.
    pub fn references(&self) -> &[usize] {
        &self.references
    }

    /// Most samples between one and any that its prediction needs, directly or not.
    pub fn reach(&self) -> usize {
        self.reach * self.references.len()
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

fn read_references(
    cursor: &mut Cursor<'_>,
    streams: usize,
    stream: impl Fn(usize) -> Stream,
) -> Result<Vec<usize>> {
    let count = cursor.size()?;
    if !(1..=MOST_REFERENCES).contains(&count) {
        return Err(Error::corrupt(format!(
            "{count} references; a chunk that has any has 1 to {MOST_REFERENCES}"
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
        if !matches!(stream(index).form, Form::Narrow | Form::Predicted { .. }) {
            return Err(Error::corrupt(format!(
                "reference {index} is of another form than 1 and 4"
            )));
        }
        references.push(index);
    }
    Ok(references)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::Head;
    use crate::chunk::head::coded_head;
    use crate::chunk::table::TableBuilder;
    use crate::error::ErrorKind;
    use crate::layout::{ByteOrder, Class, Dtype, Shape};
    use crate::quantize::Rule;

    const LENGTH: usize = 100;

    fn dtype() -> Dtype {
        Dtype::new(Class::Signed, 4, ByteOrder::Little, false).unwrap()
    }

    /// A head of streams of these forms, each of three frames.
    fn head(
        forms: &[Form],
        references: &[usize],
        predictors: &[(usize, Vec<Predictor>)],
    ) -> Vec<u8> {
        let mut table = TableBuilder::default();
        let mut predictors = predictors.iter();
        for &form in forms {
            let framed = form != Form::Constant;
            let stream = Stream {
                rule: Rule::Ordered,
                form,
                offset: 0,
                factor: 1,
                width: if framed { 9 } else { 0 },
                block: if framed { 40 } else { 0 },
                coded: LENGTH,
                exceptions: false,
            };
            table.push(&stream, LENGTH);
            if let Form::Predicted { .. } = form {
                let (frames, predictors) = predictors.next().unwrap();
                table.push_predictors(*frames, predictors);
            }
            (0..stream.frames()).for_each(|_| table.push_frame(20));
        }
        let shape = Shape { outer: forms.len(), length: LENGTH, inner: 1 };
        coded_head(table, &dtype(), &shape, None, references)
    }

    fn term(reference: usize) -> Term {
        Term { reference, lag: -3, coefficients: vec![70, -80] }
    }

    fn of(terms: &[Term]) -> Predictor {
        Predictor { shift: 7, terms: terms.to_vec() }
    }

    const PREDICTED: Form = Form::Predicted { bits: 9 };
    const FORMS: [Form; 4] = [PREDICTED, Form::Narrow, PREDICTED, Form::Split { low: 2 }];

    #[test]
    fn predictors_come_back_with_the_frames_that_they_predict() {
        let extremes = Term {
            reference: 1,
            lag: -MOST_LAG,
            coefficients: (0..MOST_TAPS as i32)
                .map(|i| [-1, 1][i as usize % 2] * (MOST_COEFFICIENT - i))
                .collect(),
        };
        let second = Predictor { shift: MOST_SHIFT, terms: vec![term(0), extremes] };
        let first = of(&[term(0)]);
        let own = of(&[Term { lag: MOST_LAG, ..term(0) }]);
        let predictors = [(2, vec![first.clone(), second.clone()]), (0, vec![own.clone()])];
        let head = Head::parse(&head(&FORMS, &[1, 2], &predictors)).unwrap();
        let read = head.predictions();
        assert_eq!(read.references(), [1, 2]);
        assert_eq!([0, 1, 2, 3].map(|index| read.place(index)), [None, Some(0), Some(1), None]);
        let of = |index, frames| read.predictors(index, frames).collect::<Vec<_>>();
        assert_eq!(of(0, 0..3), [(0..2, first.clone()), (2..3, second.clone())]);
        assert_eq!(of(0, 1..2), [(1..2, first)]);
        assert_eq!(of(2, 0..3), [(0..3, own)]);
        assert_eq!(read.predictor(0, 2), second);
    }

    #[test]
    fn what_the_format_calls_invalid_is_corrupt() {
        let one = |predictor: Predictor| {
            head(&FORMS, &[1, 2], &[(0, vec![predictor]), (0, vec![of(&[term(0)])])])
        };
        let own = |predictor: Predictor| {
            head(&FORMS, &[1, 2], &[(0, vec![of(&[term(0)])]), (0, vec![predictor])])
        };
        let listed = |references: &[usize]| {
            head(&FORMS, references, &[(0, vec![of(&[])]), (0, vec![of(&[])])])
        };
        let bits = |bits| {
            head(&[Form::Narrow, Form::Predicted { bits }], &[0], &[(0, vec![of(&[term(0)])])])
        };
        let lag = |lag| one(of(&[Term { lag, ..term(0) }]));
        let taps = |taps| one(of(&[Term { coefficients: vec![1; taps], ..term(0) }]));
        let coefficient = |c| one(of(&[Term { coefficients: vec![c], ..term(0) }]));
        for bytes in [one(of(&[term(0), term(1)])), own(of(&[])), listed(&[1]), listed(&[2, 0, 1])]
        {
            assert!(Head::parse(&bytes).is_ok());
        }
        let cases = [
            (listed(&[]), "stream 0: form 4 in a chunk without references"),
            (listed(&[4]), "reference 4 of 4 streams"),
            (listed(&[1, 2, 1]), "reference 1 twice"),
            (listed(&[3]), "reference 3 is of another form than 1 and 4"),
            (listed(&[0, 1, 2, 3, 4]), "5 references"),
            (bits(3), "bits 3"),
            (bits(33), "bits 33"),
            (one(of(&[term(0), term(0)])), "reference 0 after one of 0"),
            (one(of(&[term(1), term(0)])), "reference 0 after one of 1"),
            (
                one(of(&[term(2)])),
                "stream 0: predictor 0: a term of reference 2, and this stream may use 2",
            ),
            (
                own(of(&[term(1)])),
                "stream 2: predictor 0: a term of reference 1, and this stream may use 1",
            ),
            (one(of(&[0, 0, 0, 0, 0].map(term))), "5 terms"),
            (one(Predictor { shift: MOST_SHIFT + 1, ..of(&[term(0)]) }), "shift 16"),
            (lag(MOST_LAG + 1), "lag 65537"),
            (lag(-MOST_LAG - 1), "lag -65537"),
            (taps(0), "0 coefficients"),
            (taps(MOST_TAPS + 1), "17 coefficients"),
            (coefficient(MOST_COEFFICIENT + 1), "coefficient 32768"),
            (coefficient(-MOST_COEFFICIENT - 1), "coefficient -32768"),
        ];
        for (bytes, expected) in cases {
            let error = Head::parse(&bytes).expect_err(expected);
            assert!(error.to_string().contains(expected), "{error}, expected: {expected}");
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        }
    }

    /// Makes length and CRC-32 of a head right again.
    fn seal(bytes: &mut [u8]) {
        let length = (bytes.len() - Head::PREFIX) as u64;
        bytes[8..16].copy_from_slice(&length.to_le_bytes());
        let check = crc32fast::hash(&[&bytes[..16], &bytes[Head::PREFIX..]].concat());
        bytes[16..Head::PREFIX].copy_from_slice(&check.to_le_bytes());
    }

    #[test]
    fn a_list_of_no_references_is_corrupt() {
        let mut bytes = head(&[Form::Narrow], &[0], &[]);
        let list = bytes.iter().rposition(|&byte| byte == 1).unwrap();
        assert_eq!(bytes[list..], [1, 0, 0, 20]);
        bytes.remove(list);
        seal(&mut bytes);
        let error = Head::parse(&bytes).unwrap_err();
        assert!(error.to_string().contains("0 references"), "{error}");
    }

    #[test]
    fn a_table_that_ends_early_or_late_is_refused() {
        let predictors = vec![of(&[term(0), term(1)]); 3];
        let whole = head(&FORMS, &[1, 2], &[(1, predictors), (0, vec![of(&[term(0)])])]);
        assert!(Head::parse(&whole).is_ok());
        for length in Head::PREFIX..whole.len() {
            let mut bytes = whole[..length].to_vec();
            seal(&mut bytes);
            let error = Head::parse(&bytes).expect_err("truncated");
            assert_eq!(error.kind(), ErrorKind::Truncated, "{length} bytes: {error}");
        }
        let mut bytes = [&whole[..], &[0]].concat();
        seal(&mut bytes);
        assert_eq!(Head::parse(&bytes).unwrap_err().kind(), ErrorKind::Corrupt);
    }

    #[test]
    fn more_predictors_than_bytes_are_refused_before_any_memory() {
        let read = |bytes: &[u8], streams: usize, block: usize| {
            let stream = Stream {
                rule: Rule::Ordered,
                form: PREDICTED,
                offset: 0,
                factor: 1,
                width: 9,
                block,
                coded: usize::MAX,
                exceptions: false,
            };
            Predictions::read(&mut Cursor::new(bytes), streams, streams as u64, |_| stream)
        };
        let error = read(&[1, 0, 0, 0], usize::MAX, 65535).unwrap_err();
        assert!(error.to_string().contains("streams in 2 bytes"), "{error}");
        let error = read(&[1, 0, 1, 0], 1, 16).unwrap_err();
        assert!(error.to_string().contains("predictors in 1 bytes"), "{error}");
        assert_eq!(error.kind(), ErrorKind::Truncated);
    }
}

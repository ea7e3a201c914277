//! One field of all streams (or frames): a single value where all are equal, else one each.

use super::bytes::{Cursor, put_varint};
use crate::error::{Error, Result};

/// All values are the one that follows.
const SAME: u8 = 0;
/// As many values follow as there are rows.
const EACH: u8 = 1;

/// A field of `count` rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Column {
    /// Every row has this value.
    Same(u64),
    /// One value each.
    Each(Vec<u64>),
}

impl Column {
    /// Reads a column of `count` rows; nothing is stored for none. Memory is earned: each value
    /// takes a byte at least.
    pub fn read(cursor: &mut Cursor<'_>, count: u64) -> Result<Self> {
        if count == 0 {
            return Ok(Column::Same(0));
        }
        match cursor.byte()? {
            SAME => Ok(Column::Same(cursor.varint()?)),
            EACH => {
                if count > cursor.left() as u64 {
                    return Err(Error::truncated(format!(
                        "{count} values in {} bytes",
                        cursor.left()
                    )));
                }
                (0..count).map(|_| cursor.varint()).collect::<Result<_>>().map(Column::Each)
            }
            other => Err(Error::corrupt(format!("column layout {other}; known are 0 and 1"))),
        }
    }

    /// Value of a row.
    pub fn get(&self, row: usize) -> u64 {
        match self {
            Column::Same(value) => *value,
            Column::Each(values) => values[row],
        }
    }
}

/// A column in the making, no larger than its stored form.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    count: u64,
    first: u64,
    /// Varints of all rows, or nothing while they are equal.
    bytes: Vec<u8>,
}

impl Builder {
    /// Adds a row.
    pub fn push(&mut self, value: u64) {
        if self.count == 0 {
            self.first = value;
        } else if value != self.first || !self.bytes.is_empty() {
            self.spell_out();
            put_varint(value, &mut self.bytes);
        }
        self.count += 1;
    }

    fn spell_out(&mut self) {
        if self.bytes.is_empty() {
            (0..self.count).for_each(|_| put_varint(self.first, &mut self.bytes));
        }
    }

    /// Adds the rows of `other`.
    pub fn append(&mut self, other: &Builder) {
        if self.count == 0 {
            self.first = other.first;
        }
        if other.count > 0 && (self.is_mixed() || other.is_mixed() || other.first != self.first) {
            self.spell_out();
            if other.is_mixed() {
                self.bytes.extend_from_slice(&other.bytes);
            } else {
                (0..other.count).for_each(|_| put_varint(other.first, &mut self.bytes));
            }
        }
        self.count += other.count;
    }

    fn is_mixed(&self) -> bool {
        !self.bytes.is_empty()
    }

    /// Writes the column. Above `most_same` rows it has one value each even where they are
    /// equal, so that a reader's memory is earned by the bytes.
    pub fn write(mut self, most_same: u64, out: &mut Vec<u8>) {
        if self.count == 0 {
            return;
        }
        if self.count > most_same {
            self.spell_out();
        }
        if self.is_mixed() {
            out.push(EACH);
            out.extend_from_slice(&self.bytes);
        } else {
            out.push(SAME);
            put_varint(self.first, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(builder: Builder, most_same: u64, count: u64) -> Column {
        let mut bytes = Vec::new();
        builder.write(most_same, &mut bytes);
        let mut cursor = Cursor::new(&bytes);
        let column = Column::read(&mut cursor, count).unwrap();
        assert_eq!(cursor.left(), 0);
        column
    }

    #[test]
    fn rows_come_back_however_they_were_added() {
        for rows in [vec![], vec![7], vec![7; 9], vec![7, 7, 300, 7], vec![1, 2, 3], vec![0, 0, 9]]
        {
            for split in 0..=rows.len() {
                let [mut a, mut b] = [Builder::default(), Builder::default()];
                rows[..split].iter().for_each(|&v| a.push(v));
                rows[split..].iter().for_each(|&v| b.push(v));
                a.append(&b);
                let column = stored(a, 5, rows.len() as u64);
                for (i, &v) in rows.iter().enumerate() {
                    assert_eq!(column.get(i), v, "{rows:?} split at {split}");
                }
                let all_same = rows.windows(2).all(|w| w[0] == w[1]) && rows.len() <= 5;
                assert_eq!(matches!(column, Column::Same(_)), all_same, "{rows:?}");
            }
        }
    }

    #[test]
    fn more_rows_than_bytes_are_refused_before_any_memory() {
        assert!(Column::read(&mut Cursor::new(&[EACH, 1, 2]), u64::MAX).is_err());
        assert!(Column::read(&mut Cursor::new(&[2, 1]), 1).is_err());
        assert!(Column::read(&mut Cursor::new(&[]), 1).is_err());
    }
}

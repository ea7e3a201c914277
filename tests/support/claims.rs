//! Chunks put together by hand, field by field as docs/format.md has them, valid or not.

use h5flac::Head;

/// Appends a number as a varint.
pub fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value > 127 {
        out.push(value as u8 | 128);
        value >>= 7;
    }
    out.push(value as u8);
}

pub fn zigzag(n: i64) -> u64 {
    if n < 0 { (-1 - n) as u64 * 2 + 1 } else { n as u64 * 2 }
}

pub fn float_code(x: f64) -> u64 {
    x.to_bits().reverse_bits()
}

/// A column of one value for all streams, or of one for each.
pub fn column(values: &[u64], out: &mut Vec<u8>) {
    out.push(u8::from(values.len() > 1));
    values.iter().for_each(|&value| varint(value, out));
}

/// A chunk's bytes around the rest of its head and its payload.
pub fn sealed(code: u8, flags: u8, rest: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0xf1, 0xac, b'h', b'5', 1, code, flags, 0];
    out.resize(Head::PREFIX, 0);
    out[8..16].copy_from_slice(&(rest.len() as u64).to_le_bytes());
    out.extend_from_slice(rest);
    out.extend_from_slice(payload);
    out.resize(out.len() + 4, 0);
    super::checksums::seal(&mut out);
    out
}

/// What the head of a coded chunk says.
#[derive(Clone)]
pub struct Claims {
    /// Type code, flags.
    pub code: u8,
    pub flags: u8,
    pub shape: [u64; 3],
    /// See [`column`].
    pub columns: [Vec<u64>; 10],
    /// What follows the columns.
    pub rest: Vec<u8>,
}

impl Claims {
    /// Streams that are all alike.
    pub fn new(code: u8, shape: [u64; 3], columns: [u64; 10], rest: &[u8]) -> Self {
        Claims { code, flags: 0, shape, columns: columns.map(|n| vec![n]), rest: rest.to_vec() }
    }

    /// The chunk, with this payload.
    pub fn chunk(&self, payload: &[u8]) -> Vec<u8> {
        let mut rest = Vec::new();
        self.shape.iter().for_each(|&size| varint(size, &mut rest));
        if self.flags & 2 != 0 {
            rest.extend_from_slice(b"seed");
        }
        self.columns.iter().for_each(|values| column(values, &mut rest));
        rest.extend_from_slice(&self.rest);
        sealed(self.code, self.flags, &rest, payload)
    }
}

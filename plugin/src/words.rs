//! Parameter words (cd_values) as `set_local` leaves them in a file: the user's five, then the local block.
//!
//! | word | meaning |
//! |---|---|
//! | 0–4 | the user's words in full ([`h5flac::params`]) |
//! | 5 | bits 16–31 marker `0xf1ac` · 12–15 version of this layout, 1 · 10 fill value defined · 9 complex · 8 big endian · 4–7 bytes of a component · 0–3 class: 0 signed, 1 unsigned, 2 float |
//! | 6, 7 | outer, low word first |
//! | 8, 9 | length |
//! | 10, 11 | inner |
//! | 12–15 | fill value: one element's bytes in the chunk's byte order, then zeros |

use h5flac::{ByteOrder, Class, Dtype, Error, Params, Result, Shape, params::USER_WORDS};

/// Words in all. h5py reads 16 into a fixed array and shows what lies behind it for any more.
pub const COUNT: usize = USER_WORDS + 11;

/// More words than any layout had: a list that is not ours.
pub const MOST_WORDS: usize = 64;

/// Bytes of the widest element, complex of two doubles.
pub const MAX_ELEMENT: usize = 16;

const MARKER: u32 = 0xf1ac_0000;
const MARKER_BITS: u32 = 0xffff_0000;
const VERSION: u32 = 1;
const VERSION_SHIFT: u32 = 12;
const RESERVED: u32 = 1 << 11;
const FILL: u32 = 1 << 10;
const COMPLEX: u32 = 1 << 9;
const BIG_ENDIAN: u32 = 1 << 8;

/// What a dataset's chunks look like; valid once constructed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Local {
    dtype: Dtype,
    shape: Shape,
    chunk_bytes: usize,
    fill: Option<[u8; MAX_ELEMENT]>,
}

impl Local {
    /// Checks that the chunk has a size, and one that memory could hold. `fill` is one element.
    ///
    /// # Errors
    /// `InvalidArgument` for an empty chunk or a fill value of the wrong size, `TooLarge` when
    /// the chunk's bytes overflow.
    pub fn new(dtype: Dtype, shape: Shape, fill: Option<&[u8]>) -> Result<Self> {
        let bytes = shape.elements().and_then(|n| n.checked_mul(dtype.element_size()));
        let chunk_bytes = bytes
            .filter(|&n| n <= isize::MAX as usize)
            .ok_or_else(|| Error::too_large(format!("chunk of {shape:?} elements overflows")))?;
        if chunk_bytes == 0 {
            return Err(Error::invalid(format!("chunk of {shape:?} has no elements")));
        }
        let fill = match fill {
            None => None,
            Some(element) if element.len() == dtype.element_size() => {
                let mut bytes = [0; MAX_ELEMENT];
                bytes[..element.len()].copy_from_slice(element);
                Some(bytes)
            }
            Some(element) => {
                return Err(Error::invalid(format!(
                    "fill value of {} bytes for elements of {}",
                    element.len(),
                    dtype.element_size()
                )));
            }
        };
        Ok(Local { dtype, shape, chunk_bytes, fill })
    }

    /// Element type.
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// Chunk shape around the stream axis.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Raw bytes of a chunk.
    pub fn chunk_bytes(&self) -> usize {
        self.chunk_bytes
    }

    /// User-defined fill value, one element in the chunk's byte order.
    pub fn fill(&self) -> Option<&[u8]> {
        self.fill.as_ref().map(|bytes| &bytes[..self.dtype.element_size()])
    }

    /// The words that go into the file.
    pub fn to_words(&self, params: &Params) -> [u32; COUNT] {
        let mut words = [0; COUNT];
        words[..USER_WORDS].copy_from_slice(&params.to_words());
        let class = match self.dtype.class {
            Class::Signed => 0,
            Class::Unsigned => 1,
            Class::Float => 2,
        };
        let flag = |set, bit| if set { bit } else { 0 };
        words[5] = MARKER
            | VERSION << VERSION_SHIFT
            | class
            | (self.dtype.size as u32) << 4
            | flag(self.dtype.order == ByteOrder::Big, BIG_ENDIAN)
            | flag(self.dtype.complex, COMPLEX)
            | flag(self.fill.is_some(), FILL);
        let shape = [self.shape.outer, self.shape.length, self.shape.inner];
        for (pair, size) in words[6..12].chunks_exact_mut(2).zip(shape) {
            pair[0] = size as u32;
            pair[1] = (size as u64 >> 32) as u32;
        }
        for (word, bytes) in
            words[12..].iter_mut().zip(self.fill.unwrap_or_default().chunks_exact(4))
        {
            *word = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        }
        words
    }

    /// Reads a local block, or tells that `words` have none.
    ///
    /// # Errors
    /// `Unsupported` for a later layout; `Corrupt` for words that contradict themselves.
    pub fn from_words(words: &[u32]) -> Result<Option<Self>> {
        if words.len() <= USER_WORDS {
            return Ok(None);
        }
        if !is_local(words) {
            return Err(Error::corrupt(format!(
                "parameter word 5 is {:#x}, which h5flac never stores there",
                words[USER_WORDS]
            )));
        }
        let code = words[USER_WORDS];
        let version = code >> VERSION_SHIFT & 0xf;
        if version != VERSION {
            return Err(Error::unsupported(format!(
                "parameter words of layout {version}, and this h5flac knows layout {VERSION}: \
                 install a later h5flac"
            )));
        }
        if words.len() != COUNT {
            return Err(Error::corrupt(format!(
                "{} parameter words, and layout {VERSION} has {COUNT}",
                words.len()
            )));
        }
        if code & RESERVED != 0 {
            return Err(Error::corrupt(format!("unknown bit in parameter word 5, {code:#x}")));
        }
        let class = match code & 0xf {
            0 => Class::Signed,
            1 => Class::Unsigned,
            2 => Class::Float,
            other => {
                return Err(Error::corrupt(format!("number class {other} in parameter word 5")));
            }
        };
        let order = if code & BIG_ENDIAN != 0 { ByteOrder::Big } else { ByteOrder::Little };
        let dtype = Dtype::new(class, (code >> 4 & 0xf) as usize, order, code & COMPLEX != 0)?;
        let size = |i: usize| {
            usize::try_from(u64::from(words[i]) | u64::from(words[i + 1]) << 32)
                .map_err(|_| Error::too_large("chunk shape exceeds this machine's memory"))
        };
        let shape = Shape { outer: size(6)?, length: size(8)?, inner: size(10)? };
        let fill: Vec<u8> = words[12..].iter().flat_map(|w| w.to_le_bytes()).collect();
        let used = if code & FILL != 0 { dtype.element_size() } else { 0 };
        if fill[used..].iter().any(|&b| b != 0) {
            return Err(Error::corrupt("fill value longer than an element"));
        }
        Local::new(dtype, shape, (used != 0).then(|| &fill[..used])).map(Some)
    }
}

/// Whether `words` carry a local block, of whatever version.
fn is_local(words: &[u32]) -> bool {
    words.get(USER_WORDS).is_some_and(|w| w & MARKER_BITS == MARKER)
}

/// What the user asked for, in words that may already have been completed: h5repack and copied
/// creation property lists come with the local block of another dataset.
///
/// # Errors
/// As [`Params::from_words`]. `Unsupported` for words that an h5flac has completed: it knew them.
pub fn params(words: &[u32]) -> Result<Params> {
    if !is_local(words) {
        return Params::from_words(words);
    }
    Params::from_words(&words[..USER_WORDS])
        .map_err(|e| Error::unsupported(format!("{e}. To write here, install a later h5flac")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use h5flac::ErrorKind;

    fn local() -> Local {
        let dtype = Dtype::new(Class::Float, 8, ByteOrder::Big, true).unwrap();
        let shape = Shape { outer: 3, length: 1 << 33, inner: 5 };
        Local::new(dtype, shape, Some(&[7; 16])).unwrap()
    }

    #[test]
    fn words_come_back_with_every_field() {
        let words = local().to_words(&Params::default());
        assert!(words.len() <= 16, "h5py shows garbage beyond 16, h5dump 1.10 beyond 20");
        assert_eq!(Local::from_words(&words), Ok(Some(local())));
        assert_eq!(params(&words), Ok(Params::default()));
        for class in [Class::Signed, Class::Unsigned] {
            for size in [1, 2, 4, 8] {
                let dtype = Dtype::new(class, size, ByteOrder::Little, false).unwrap();
                let local =
                    Local::new(dtype, Shape { outer: 1, length: 9, inner: 1 }, None).unwrap();
                let words = local.to_words(&Params::default());
                assert_eq!(Local::from_words(&words), Ok(Some(local)));
            }
        }
    }

    #[test]
    fn unknown_wishes_of_stored_words_are_those_of_a_later_version() {
        let mut words = local().to_words(&Params::default());
        words[1] = 7;
        let error = params(&words).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        let told = error.to_string();
        assert!(
            told.contains("unknown mode 7") && told.contains("install a later h5flac"),
            "{told}"
        );
    }

    #[test]
    fn words_without_a_local_block_are_the_users() {
        assert_eq!(Local::from_words(&[5, 0, 0, 0, 0]), Ok(None));
        let error = params(&[5, 7]).unwrap_err();
        assert!(error.kind() == ErrorKind::InvalidArgument && error.to_string().contains("mode 7"));
    }

    #[test]
    fn no_contradiction_in_stored_words_passes() {
        let good = local().to_words(&Params::default());
        let changed = |at: usize, value: u32| {
            let mut words = good;
            words[at] = value;
            Local::from_words(&words).unwrap_err().to_string()
        };
        assert!(changed(5, 7).contains("word 5 is 0x7"));
        assert!(changed(5, good[5] + (1 << 12)).contains("install a later h5flac"));
        assert!(changed(5, good[5] | RESERVED).contains("unknown bit"));
        assert!(changed(5, good[5] + 1).contains("number class 3"));
        assert!(changed(5, good[5] + (1 << 4)).contains("element type"));
        assert!(changed(5, good[5] & !FILL).contains("fill value longer"));
        assert!(changed(6, 0).contains("no elements"));
        assert!(changed(7, u32::MAX).contains("overflows"));
        assert!(Local::from_words(&good[..12]).is_err());
        let mut long = good.to_vec();
        long.push(0);
        assert!(Local::from_words(&long).is_err());
    }
}

//! Error-bounded compression of time streams as FLAC, in self-describing chunks.
//!
//! A *chunk* is an array of shape (outer, length, inner) whose *streams* run along the middle axis;
//! it is what HDF5 compresses at a time. [`compress`] takes the raw bytes of one through three
//! layers, each calling only the next:
//!
//! 1. [`chunk`]: many streams and their index, checksums, exceptions; whole and partial decoding;
//! 2. [`quantize`]: samples to integers, by a decoding rule with a strict error bound (*quanta* is
//!    the step, |error| ≤ quanta/2) or without loss;
//! 3. [`flac`]: integers to FLAC frames (RFC 9639), by the inner loops of [`simd`].
//!
//! [`files`] stands beside chunks: streams of integers as whole FLAC files.
//!
//! [`FlacArray`] is the array object on top: chunks with the types of [`ndarray`].
//!
//! What comes back depends on the chunk's bytes alone, and those on data and parameters alone:
//! never on threads or machine.
//!
//! ```
//! use h5flac::chunk::{Options, Request, Selection};
//! use h5flac::{ByteOrder, Class, Dtype, Mode, Params, Shape};
//!
//! // Three streams of 1000 floats, each sample to within 0.005.
//! let samples: Vec<f32> = (0..3000).map(|i| (i % 1000) as f32 * 0.37).collect();
//! let data: Vec<u8> = samples.iter().flat_map(|x| x.to_le_bytes()).collect();
//! let request = Request {
//!     dtype: Dtype::new(Class::Float, 4, ByteOrder::Little, false)?,
//!     shape: Shape { outer: 3, length: 1000, inner: 1 },
//!     fill: None,
//!     params: Params { mode: Mode::Quanta(0.01), ..Params::default() },
//!     quanta: None,
//!     affine: None,
//!     threads: 1,
//!     alone: false,
//! };
//! let chunk = h5flac::compress(&data, &request)?.into_vec();
//! let back = h5flac::decompress(&chunk, data.len(), &Options::default())?;
//! for (x, y) in samples.iter().zip(back.chunks(4)) {
//!     let y = f32::from_le_bytes(y.try_into().unwrap());
//!     assert!((x - y).abs() <= 0.005);
//! }
//!
//! // A hundred samples of the last stream alone.
//! let part = Selection { streams: Some(&[2]), samples: 500..600 };
//! let part = h5flac::decompress_streams(&chunk, &part, 400, &Options::default())?;
//! assert_eq!(part, back[4 * 2500..4 * 2600]);
//! # Ok::<(), h5flac::Error>(())
//! ```

#[doc(hidden)]
pub mod sample;

mod arithmetic;
pub mod array;
pub mod chunk;
pub mod cross;
pub mod error;
pub mod files;
pub mod flac;
pub mod layout;
pub mod parallel;
pub mod params;
pub mod quantize;
pub mod simd;

pub use array::FlacArray;
pub use chunk::{Compressed, Head, compress, decompress, decompress_into, decompress_streams};
pub use error::{Error, ErrorKind, Result};
pub use layout::{ByteOrder, Class, Dtype, Shape};
pub use params::{Mode, Params};

/// The page for users of this crate, whose program must run.
#[cfg(doctest)]
#[doc = include_str!("../docs/rust.md")]
struct RustPage;

//! A Rust program with a libhdf5 of its own, without Python, C or a shared library of HDF5's: it
//! knows the filter by its number, and HDF5 finds the plugin in `HDF5_PLUGIN_PATH`.

#![expect(unsafe_code, reason = "calls a function of the plugin's C interface")]

use hdf5::File;
pub use hdf5::Result;
use libc::{c_char, c_int, c_uint, c_void};
use std::ffi::{CStr, CString};

const FILTER: i32 = 61868;

/// Rows and columns of a chunk, the latter being time.
const CHUNK: (usize, usize) = (4, 1000);
const COLUMNS: usize = 2500;

/// What a user asks for: level 5, lossless.
pub const WORDS: [c_uint; 5] = [5, 0, 0, 0, 0];

fn samples(rows: usize) -> Vec<i32> {
    (0..(rows * COLUMNS) as i32).map(|i| i * 37 % 1009 - i / 5).collect()
}

/// Creates "x" with two rows of samples, with chunks at both edges that it does not fill.
///
/// # Errors
/// HDF5's.
pub fn write(path: &str, words: &[c_uint]) -> Result<()> {
    let file = File::create(path)?;
    let made = file.new_dataset::<i32>().chunk(CHUNK).add_filter(FILTER, words).fill_value(-7);
    made.shape((2.., COLUMNS)).create("x")?.write_raw(&samples(2))
}

/// Writes, appends row by row, and reads all and a part.
///
/// # Errors
/// HDF5's.
pub fn write_and_read(path: &str, words: &[c_uint]) -> Result<()> {
    write(path, words)?;
    for rows in 3..=9 {
        let x = File::open_rw(path)?.dataset("x")?;
        x.resize((rows, COLUMNS))?;
        x.write_slice(&samples(rows)[(rows - 1) * COLUMNS..], (rows - 1, ..))?;
    }
    let x = File::open(path)?.dataset("x")?;
    let all = samples(9);
    assert!(x.read_raw::<i32>()? == all);
    let part = x.read_slice_1d::<i32, _>((5, 900..1100))?;
    assert!(part.iter().eq(&all[5 * COLUMNS + 900..][..200]));
    assert!(x.storage_size() < size_of_val(&all[..]) as u64 / 2, "{} bytes", x.storage_size());
    println!("PASS");
    Ok(())
}

/// `h5flac_layout`.
#[repr(C)]
struct Layout {
    class: u32,
    size: u32,
    big_endian: u32,
    complex: u32,
    outer: u64,
    length: u64,
    inner: u64,
}

type Complete =
    unsafe extern "C" fn(*mut c_uint, *const c_uint, u64, *const Layout, *const c_void) -> c_int;

/// A function of the plugin's, of the type that its header gives it.
///
/// # Safety
/// `F` is that type.
unsafe fn of_the_plugin<F: Copy>(name: &CStr) -> F {
    let folder = std::env::var("HDF5_PLUGIN_PATH").expect("a folder for HDF5 to look in");
    let path = CString::new(format!("{folder}/libh5flac.so")).expect("a path without zeros");
    // SAFETY: zero-terminated names; a function pointer is as wide as a symbol.
    unsafe {
        let plugin = libc::dlopen(path.as_ptr(), libc::RTLD_NOW);
        assert!(!plugin.is_null(), "{path:?} does not load");
        let symbol = libc::dlsym(plugin, name.as_ptr());
        assert!(!symbol.is_null(), "{name:?} is missing");
        std::mem::transmute_copy(&symbol)
    }
}

/// [`WORDS`] with the type and shape of a chunk, and the fill value.
pub fn completed_words() -> [c_uint; 16] {
    let signed = 0;
    let (outer, length) = (CHUNK.0 as u64, CHUNK.1 as u64);
    let layout =
        Layout { class: signed, size: 4, big_endian: 0, complex: 0, outer, length, inner: 1 };
    let mut words = [0; 16];
    let fill: *const c_int = &-7;
    // SAFETY: the type of the function in h5flac.h; an int is an element.
    let status = unsafe {
        let complete: Complete = of_the_plugin(c"h5flac_params_complete");
        complete(words.as_mut_ptr(), WORDS.as_ptr(), WORDS.len() as u64, &layout, fill.cast())
    };
    assert_eq!(status, 0);
    words
}

/// Why the plugin last refused, which it cannot put on the error stack of this program.
pub fn last_error() -> String {
    // SAFETY: the type of the function in h5flac.h, which gives a zero-terminated string.
    unsafe {
        let ask: unsafe extern "C" fn() -> *const c_char = of_the_plugin(c"h5flac_last_error");
        CStr::from_ptr(ask()).to_str().expect("UTF-8").to_owned()
    }
}

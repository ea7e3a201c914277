//! Promise: the HDF5 types written by hand are those of HDF5's own headers.

mod support;

use h5flac_plugin::abi::{self, FilterClass, class};
use hdf5_metno_sys::h5z::H5Z_class2_t;
use std::mem::offset_of;
use support::{Workplace, hdf5_flags, success};

macro_rules! offsets {
    ($type:ty) => {
        [
            size_of::<$type>(),
            offset_of!($type, version),
            offset_of!($type, id),
            offset_of!($type, encoder_present),
            offset_of!($type, decoder_present),
            offset_of!($type, name),
            offset_of!($type, can_apply),
            offset_of!($type, set_local),
            offset_of!($type, filter),
        ]
    };
}

fn words<T: ToString>(name: &str, values: impl IntoIterator<Item = T>) -> String {
    let values: Vec<String> = values.into_iter().map(|v| v.to_string()).collect();
    format!("{name} {}", values.join(" "))
}

#[test]
fn hand_written_types_match_the_headers() {
    let place = Workplace::new("layout");
    let flags = hdf5_flags();
    let program = place.compile("layout", &flags.iter().map(String::as_str).collect::<Vec<_>>());
    let expected = [
        words("class", offsets!(FilterClass)),
        words("sizes", [size_of::<abi::Hid>(), 8, size_of::<bool>(), 4, 4]),
        words(
            "constants",
            [
                abi::CLASS_VERSION,
                abi::FLAG_OPTIONAL as i32,
                abi::FLAG_REVERSE as i32,
                abi::FLAG_SKIP_EDC as i32,
                abi::MAX_RANK as i32,
                abi::FILL_USER_DEFINED,
                abi::PLUGIN_TYPE_FILTER,
            ],
        ),
        words(
            "types",
            [
                class::INTEGER,
                class::FLOAT,
                class::TIME,
                class::STRING,
                class::BITFIELD,
                class::OPAQUE,
                class::COMPOUND,
                class::REFERENCE,
                class::ENUM,
                class::VLEN,
                class::ARRAY,
            ],
        ),
        words("properties", [abi::ORDER_LITTLE, abi::ORDER_BIG, abi::SIGN_TWOS_COMPLEMENT]),
        words("stack", [0]),
    ];
    assert_eq!(success(&mut place.run(program)).trim(), expected.join("\n"));
    assert_eq!(offsets!(FilterClass), offsets!(H5Z_class2_t));
}

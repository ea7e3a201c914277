//! Detectors under one sky, kept in memory at a fraction of their size.
//!
//! Compresses an array of 2 × 8 detectors, reads parts of it, walks through its streams, stores it
//! and takes it back, and checks each result. `cargo run --release --example array`

use h5flac::array::Compression;
use h5flac::{FlacArray, Mode, Params, Result};
use ndarray::{Array2, Array3, Axis, s};

const LENGTH: usize = 100_000;

/// White noise of deviation 1, about: the sum of twelve uniform numbers.
fn noise(state: &mut u64) -> f32 {
    let mut uniform = || {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (*state >> 40) as f32 / (1_u64 << 24) as f32
    };
    (0..12).map(|_| uniform()).sum::<f32>() - 6.0
}

/// Two cameras of eight detectors each: a drifting sky, seen by all, and noise of their own.
fn observe() -> Array3<f32> {
    let mut state = 1;
    let mut drift = 0.0;
    let sky: Vec<f32> = (0..LENGTH)
        .map(|_| {
            drift += noise(&mut state);
            drift
        })
        .collect();
    Array3::from_shape_fn((2, 8, LENGTH), |(_, _, time)| sky[time] + noise(&mut state))
}

fn main() -> Result<()> {
    let data = observe();

    // In steps of a quarter of each stream's noise, by two threads.
    let params = Params { mode: Mode::Noise(4.0), ..Params::default() };
    let array =
        FlacArray::from_array(&data, Compression { threads: 2, ..Compression::from(params) })?;
    println!(
        "shape {:?}: {} bytes instead of {}, {:.2} bits a sample",
        array.shape(),
        array.nbytes(),
        4 * array.size(),
        8.0 * array.nbytes() as f64 / array.size() as f64
    );
    assert!(array.nbytes() < 4 * array.size() / 5);

    // No sample errs by more than half its stream's step.
    let back = array.to_array()?;
    for stream in 0..array.stream_count() {
        let place = s![stream / 8, stream % 8, ..];
        let info = array.stream_info(stream)?;
        let worst = (&data.slice(place) - &back.slice(place)).fold(0.0, |a: f32, x| a.max(x.abs()));
        assert!(f64::from(worst) <= info.quanta / 2.0 * 1.001, "stream {stream}: {worst}");
    }

    // Parts, each without the rest: as slicing the whole would give them.
    let part = array.slice(s![1, 2..5, 60_000..60_100])?;
    assert_eq!(part, back.slice(s![1, 2..5, 60_000..60_100]).into_dyn());
    let every = array.slice(s![.., -1, ..;1000])?;
    assert_eq!(every.shape(), [2, 100]);

    // The streams that a mask keeps.
    let keep = Array2::from_shape_fn((2, 8), |(camera, detector)| camera == 0 && detector % 4 == 1);
    let kept = array.keep(&keep, 500..1500)?;
    assert_eq!(kept.row(1), back.slice(s![0, 5, 500..1500]));

    // One stream after another: what each drifts from its start to its end.
    for (stream, samples) in array.iter_streams().enumerate() {
        let samples = samples?;
        let drift = samples[LENGTH - 1] - samples[0];
        if stream % 8 == 0 {
            println!("camera {}: drifts by {drift:.0}", stream / 8);
        }
    }

    // The bytes are a chunk, which any h5flac reads. They say all but the leading axes.
    let stored = array.as_bytes().to_vec();
    let again = FlacArray::<f32>::from_bytes(stored)?.with_leading_shape(&[2, 8])?;
    assert_eq!(again, array);
    let mean = again.to_array()?.mean_axis(Axis(2)).expect("a sample at least");
    assert_eq!(mean.shape(), [2, 8]);
    println!("PASS");
    Ok(())
}

//! Speed of each kernel in each table that this processor can run, in samples.

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use h5flac::flac::{BitReader, BitWriter};
use h5flac::quantize::{Quantizer, Rule};
use h5flac::simd::{Kernels, MAX_ORDER, Residual, Restore, Tap, tables};

/// Samples that each call works on: small enough for the cache of a core.
const SAMPLES: usize = 16 * 1024;
const FRAMES: usize = 16;
const ORDER: usize = 8;
const SHIFT: u32 = 12;
const COEFFICIENTS: [i32; ORDER] = [3500, -900, 700, -500, 300, -200, 100, -50];
const RICE: u32 = 7;
const PART: usize = 32;

fn main() {
    divan::main();
}

/// What the kernels work on, and room for what they give.
struct Data {
    /// A signal of 16 bits with noise.
    narrow: Vec<i32>,
    /// The same in 27 bits.
    wide: Vec<i32>,
    floats: Vec<f64>,
    singles: Vec<f32>,
    integers: Vec<i64>,
    filtered: Vec<f64>,
    small: Vec<i16>,
    /// Residual of `narrow`, each of `FRAMES` frames after its warm-up.
    predicted: Vec<i32>,
    /// Noise as Rice codes of parameter `RICE` have it, and the residual of one frame of it.
    noise: Vec<i32>,
    codes: Vec<u8>,
    frames: Vec<Restore>,
    samples: Vec<i32>,
    bytes: Vec<u8>,
    sums: Vec<u64>,
    ors: Vec<u32>,
}

impl Data {
    fn new() -> Self {
        let mut state = 1_u64;
        // The sum of four bytes is nearly Gaussian, of sigma 148.
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state.to_be_bytes()[..4].iter().map(|&byte| i32::from(byte)).sum::<i32>() - 510
        };
        let noise: Vec<i32> = (0..SAMPLES).map(|_| random()).collect();
        let mut level = 0;
        let narrow: Vec<i32> = noise
            .iter()
            .map(|r| {
                level += r / 8 - level / 64;
                level + r / 2
            })
            .collect();
        let wide: Vec<i32> = narrow.iter().map(|x| x << 13).collect();
        let mut predicted = narrow.clone();
        let length = SAMPLES / FRAMES;
        for (x, r) in narrow.chunks(length).zip(predicted.chunks_mut(length)) {
            (tables()[0].residual_narrow)(x, &COEFFICIENTS, SHIFT, &mut r[ORDER..]);
        }
        let folded = |r: &i32| (r << 1 ^ r >> 31) as u32;
        let mut coefficients = [0; MAX_ORDER];
        coefficients[..ORDER].copy_from_slice(&COEFFICIENTS);
        let frames = (0..FRAMES)
            .map(|frame| Restore {
                start: frame * length,
                length,
                order: ORDER,
                shift: SHIFT,
                coefficients,
                width: 16,
                folded: predicted.iter().map(folded).fold(0, |or, z| or | z),
                magnitudes: 0,
            })
            .collect();
        let mut codes = vec![0; 8 * SAMPLES];
        let mut writer = BitWriter::new(&mut codes);
        writer.put(u64::from(RICE), 4);
        (tables()[0].write_rice)(&noise[..SAMPLES / FRAMES], RICE, &mut writer);
        let written = writer.finish();
        codes.truncate(written);
        Data {
            floats: narrow.iter().map(|&x| f64::from(x)).collect(),
            singles: narrow.iter().map(|&x| x as f32).collect(),
            integers: narrow.iter().map(|&x| i64::from(x)).collect(),
            filtered: vec![0.0; SAMPLES - 8],
            small: narrow.iter().map(|&x| (x >> 4) as i16).collect(),
            narrow,
            wide,
            predicted,
            noise,
            codes,
            frames,
            samples: vec![0; SAMPLES],
            bytes: vec![0; 8 * SAMPLES],
            sums: vec![0; SAMPLES / PART],
            ors: vec![0; SAMPLES / PART],
        }
    }
}

/// A benchmark for each kernel, once for each table: `name = |kernels, data| call;`.
macro_rules! kernels {
    ($($name:ident = |$kernels:ident, $data:ident| $call:expr;)*) => {$(
        #[divan::bench(args = tables().iter().map(|table| table.name))]
        fn $name(bencher: Bencher, table: &str) {
            let mut data = Data::new();
            bencher.counter(ItemsCount::new(SAMPLES)).bench_local(move || {
                let ($kernels, $data) = (named(table), &mut data);
                black_box($call)
            });
        }
    )*};
}

fn named(name: &str) -> &'static Kernels {
    tables().iter().find(|table| table.name == name).expect("tables do not change")
}

kernels! {
    survey = |k, d| (k.survey)(&d.narrow);
    fixed_sums = |k, d| (k.fixed_sums)(&d.narrow, 16);
    residual_narrow = |k, d|
        (k.residual_narrow)(&d.narrow, &COEFFICIENTS, SHIFT, &mut d.samples[ORDER..]);
    residual_wide = |k, d|
        (k.residual_wide)(&d.wide, &COEFFICIENTS, SHIFT, &mut d.samples[ORDER..]);
    part_sums = |k, d| (k.part_sums)(&d.noise, PART, &mut d.sums, &mut d.ors);
    unary_sums = |k, d| (k.unary_sums)(&d.noise, RICE - 1);
    write_rice = |k, d| (k.write_rice)(&d.noise, RICE, &mut BitWriter::new(&mut d.bytes));
    read_plain = |k, d| (k.read_plain)(&mut BitReader::new(&d.bytes), 16, &mut d.samples);
    read_residuals = |k, d| read_frames(k, d);
    restore_and_copy = |k, d| {
        d.samples.copy_from_slice(&d.predicted);
        (k.restore)(&mut d.samples, &mut d.frames);
    };
    predict_narrow = |k, d|
        (k.predict_narrow)(&taps(&d.narrow), SHIFT, &mut d.samples[..SAMPLES - 20]);
    predict_wide = |k, d| (k.predict_wide)(&taps(&d.wide), SHIFT, &mut d.samples[..SAMPLES - 20]);
    add = |k, d| (k.add)(&d.narrow, &mut d.samples);
    products = |k, d| compare(&d.small, |a, b| (k.products)(a, b, &mut [0; 17]));
    autocorrelate = |k, d| (k.autocorrelate)(&d.floats);
    filter = |k, d| (k.filter)(&d.floats, &[0.1; 8], &mut d.filtered);
    narrow = |k, d| (k.narrow)(&d.floats, 0.5, 2047.0, &mut d.small);
    correlate = |k, d| (k.correlate)(&d.floats, &mut [0.0; 13]);
    add_products = |k, d| normal_equations(k, &d.floats);
    crc16 = |k, d| (k.crc16)(&d.bytes[..SAMPLES]);
    extent_i32 = |k, d| (k.extent_i32)(&d.narrow);
    extent_i64 = |k, d| (k.extent_i64)(&d.integers);
    extent_f32 = |k, d| (k.extent_f32)(&d.singles);
    extent_f64 = |k, d| (k.extent_f64)(&d.floats);
    shift_i32 = |k, d| (k.shift_i32)(&d.narrow, 5, &mut d.samples);
    shift_i64 = |k, d| (k.shift_i64)(&d.integers, 5, &mut d.samples);
    scale_i32 = |k, d| (k.scale_i32)(&d.narrow, 3, 5, &mut d.samples);
    scale_f32 = |k, d| (k.scale_f32)(&d.narrow, [1.0, 5.0, 0.01], &mut d.singles);
    scale_f64 = |k, d| (k.scale_f64)(&d.narrow, [1.0, 5.0, 0.01], &mut d.floats);
    clamped_sum = |k, d| (k.clamped_sum)(&d.narrow, -100, 100);
    quantize_f32 = |k, d|
        (k.quantize_f32)(&d.singles, &quantizer(), 0, &mut d.samples, &mut Vec::new());
    quantize_f64 = |k, d|
        (k.quantize_f64)(&d.floats, &quantizer(), 0, &mut d.samples, &mut Vec::new());
}

/// Four references with five coefficients each.
fn taps(samples: &[i32]) -> Vec<Tap<'_>> {
    let coefficient = |i: usize| COEFFICIENTS[i % ORDER];
    (0..20).map(|i| Tap { coefficient: coefficient(i), samples: &samples[i..] }).collect()
}

fn quantizer() -> Quantizer {
    Quantizer::lossy(Rule::Quanta(0.7), None)
}

/// The residuals of as many frames.
fn read_frames(kernels: &Kernels, data: &mut Data) {
    let residual = |out| Residual {
        reader: BitReader::new(&data.codes),
        parameter_bits: 4,
        parts: 1,
        lengths: [SAMPLES / FRAMES; 2],
        out,
        folded: None,
    };
    let mut residuals: Vec<_> = data.samples.chunks_mut(SAMPLES / FRAMES).map(residual).collect();
    (kernels.read_residuals)(&mut residuals);
}

/// Windows of 256 at 17 lags.
fn compare(samples: &[i16], products: impl Fn(&[i16], &[i16])) {
    for window in samples.windows(256 + 16).step_by(256) {
        products(&window[8..264], window);
    }
}

/// The normal equations of order 12, four samples at a time.
fn normal_equations(kernels: &Kernels, floats: &[f64]) -> [[f64; MAX_ORDER]; 12] {
    let mut sums = [[0.0; MAX_ORDER]; 12];
    for four in floats.chunks(4) {
        let vectors = std::array::from_fn(|i| [four[i]; MAX_ORDER]);
        (kernels.add_products)(&vectors, &[1.0; 4], &mut sums);
    }
    sums
}

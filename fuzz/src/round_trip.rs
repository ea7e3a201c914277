//! Signals that become chunks and come back.

use crate::signal::{Layer, Number, Size, streams};
use crate::support::chunk::{Random, raw, samples};
use crate::support::kinds::Chunk;
use crate::support::partial::decode_ranges;
use crate::support::promise::{assert_kept, quanta_of_streams, stated, streams_of_samples};
use crate::{same_with_all_kernels, within};
use arbitrary::{Arbitrary, Unstructured};
use h5flac::chunk::{MOST_OVERHEAD, Options, Request, Selection};
use h5flac::sample::Sample;
use h5flac::{
    ByteOrder, Class, Dtype, ErrorKind, Head, Mode, Params, Result, Shape, compress, decompress,
    decompress_streams, with_sample,
};

/// Most layers of a signal.
const MOST_LAYERS: usize = 8;

/// Samples that take long: of more, less is checked.
const MANY: usize = 1 << 15;

/// Compresses any signal with any parameters, and decompresses it.
///
/// * Each sample is within half its quanta, or exact where it must be.
/// * The bytes are the same with all kernels and any number of threads, and hardly more than the
///   samples'. So are the samples that come back, and those of any part.
/// * Another level loses the same.
/// * With a fixed quanta nothing more is lost when the samples that came back are compressed.
///
/// Input: a `Case`, and the layers of its signal.
pub fn round_trip(data: &[u8]) {
    let mut u = Unstructured::new(data);
    let Ok(case) = Case::arbitrary(&mut u) else { return };
    let mut layers = Vec::new();
    while !u.is_empty() && layers.len() < MOST_LAYERS {
        layers.extend(Layer::arbitrary(&mut u));
    }
    let dtype = case.dtype();
    with_sample!(dtype, T => case.check::<T>(dtype, &layers));
}

/// A chunk and what is asked for it.
#[derive(Arbitrary, Debug)]
struct Case {
    /// Modulo 11 the type · bit 6: complex · 7: big endian.
    dtype: u8,
    /// Which of the sizes below.
    size: u8,
    outer: u8,
    length: u16,
    inner: u8,
    level: u8,
    mode: AnyMode,
    /// Bit 0: dither · 1: a fill value, the sample of this number · 2: quanta of each stream.
    options: u8,
    fill: u16,
    seed: u32,
}

#[derive(Arbitrary, Debug)]
enum AnyMode {
    Lossless,
    Quanta(Number),
    Decimal { numerator: u16, power: u8 },
    Precision(u8),
    Noise(Number),
}

impl Case {
    fn dtype(&self) -> Dtype {
        let (class, size) = match self.dtype % 64 % 11 {
            n @ 0..=3 => (Class::Signed, 1 << n),
            n @ 4..=7 => (Class::Unsigned, 1 << (n - 4)),
            n => (Class::Float, 1 << (n - 7)),
        };
        let order = if self.dtype & 0x80 != 0 { ByteOrder::Big } else { ByteOrder::Little };
        let complex = class == Class::Float && self.dtype & 0x40 != 0;
        Dtype::new(class, size, order, complex).expect("a type that there is")
    }

    /// Mostly small; some with streams that level 6 to 8 predict from each other, few with such
    /// as the levels below do.
    fn shape(&self) -> Shape {
        let (outer, inner) = (usize::from(self.outer), usize::from(self.inner));
        let length = usize::from(self.length);
        let [outer, length, inner] = match self.size {
            0..=127 => [outer % 5, length % 64, inner % 5],
            128..=215 => [outer % 4, length % 1500, inner % 3],
            216..=235 => [outer % 9, 1023 + length % 800, inner % 2],
            236..=247 => [outer % 30, length % 200, inner % 30],
            248..=253 => [0, length, 0],
            _ => [15, 16383 + length % 100, 0],
        };
        Shape { outer: outer + 1, length: length + 1, inner: inner + 1 }
    }

    fn params(&self) -> Params {
        let mode = match &self.mode {
            AnyMode::Lossless => Mode::Lossless,
            AnyMode::Quanta(number) => Mode::Quanta(number.value()),
            AnyMode::Decimal { numerator, power } => Mode::Decimal {
                numerator: u32::from(*numerator).max(1),
                power: u32::from(*power) % 23,
            },
            AnyMode::Precision(digits) => Mode::Precision(1 + u32::from(*digits) % 17),
            AnyMode::Noise(number) => Mode::Noise(number.value()),
        };
        let dithers = !matches!(mode, Mode::Lossless | Mode::Decimal { .. });
        let dither = dithers && self.options & 1 != 0;
        Params { level: u32::from(self.level) % 9, mode, axis: 0, dither }
    }

    fn check<T: Sample>(&self, dtype: Dtype, layers: &[Layer]) {
        let (mut shape, params) = (self.shape(), self.params());
        if dtype.complex {
            // As many streams of components.
            shape.outer = shape.outer.div_ceil(2);
        }
        let what = format!("{self:?}, {layers:?}");
        let size = Size { streams: shape.streams() * dtype.components(), length: shape.length };
        let step = stated(params.mode);
        let xs = arranged::<T>(&streams(layers, size, step, self.seed), shape, dtype.components());
        let data = raw(&xs, dtype.order);
        let element = dtype.element_size();
        let fill = usize::from(self.fill) % (data.len() / element) * element;
        let step = |stream: usize| (stream % 5 + 1) as f64 * if step > 0.0 { step } else { 0.01 };
        let quanta: Vec<f64> = (0..shape.streams()).map(step).collect();
        let request = Request {
            dtype,
            shape,
            fill: (self.options & 2 != 0).then(|| &data[fill..fill + element]),
            params,
            quanta: (self.options & 4 != 0).then_some(&quanta),
            affine: None,
            threads: 1,
            alone: false,
        };
        let encode = |request: &Request<'_>| -> Result<Vec<u8>> {
            within(data.len(), 4 * data.len(), || Ok(compress(&data, request)?.into_vec()))
        };
        let is_quick = xs.len() < MANY;
        let encoded =
            if is_quick { same_with_all_kernels(|| encode(&request)) } else { encode(&request) };
        let chunk = match encoded {
            Ok(chunk) => chunk,
            Err(e) => {
                assert!(!is_sensible(&request), "{what}: {e}");
                assert_eq!(e.kind(), ErrorKind::InvalidArgument, "{what}: {e}");
                return;
            }
        };
        assert!(is_sensible(&request), "{what}: accepted");
        let two = encode(&Request { threads: 2, ..request.clone() });
        assert!(two.as_ref() == Ok(&chunk), "{what}: other bytes with 2 threads");
        let most = data.len() + MOST_OVERHEAD;
        assert!(chunk.len() <= most, "{what}: {} bytes for {}", chunk.len(), data.len());

        let decode = |chunk: &[u8], verify, threads| {
            decompress(chunk, data.len(), &Options { verify, threads }).expect("an own chunk")
        };
        let decoded = if is_quick {
            same_with_all_kernels(|| decode(&chunk, true, 1))
        } else {
            decode(&chunk, true, 1)
        };
        assert!(decode(&chunk, false, 2) == decoded, "{what}: other samples with 2 threads");
        let ys: Vec<T> = samples(&decoded, dtype.order);
        assert_kept(&xs, &ys, &request, &what);
        if is_quick {
            let other = Params { level: (params.level + 5) % 9, ..params };
            let other = encode(&Request { params: other, ..request.clone() }).expect("valid");
            assert!(decode(&other, true, 1) == decoded, "{what}: other samples at another level");
        }
        let whole = Chunk { name: String::new(), dtype, shape, bytes: chunk, decoded };
        self.check_parts(&whole, &what);
        if T::FLOAT && !params.dither && is_quick {
            assert_idempotent(&xs, &ys, &request, &what);
        }
    }

    /// Any part is the same slice of the whole.
    fn check_parts(&self, whole: &Chunk, what: &str) {
        let mut random = Random::new(u64::from(self.seed));
        let head = Head::parse(&whole.bytes).expect("an own chunk");
        for _ in 0..3 {
            let (length, count) = (whole.shape.length, whole.shape.streams());
            let list: Vec<usize> = (0..random.below(4)).map(|_| random.below(count)).collect();
            let start = random.below(length);
            let samples = start..start + random.below(length - start + 1);
            let expected = whole.select(&list, samples.clone());
            let selection = Selection { streams: Some(&list), samples };
            let options = Options { verify: true, threads: 1 + random.below(2) };
            let part = decompress_streams(&whole.bytes, &selection, expected.len(), &options);
            assert!(part.as_ref() == Ok(&expected), "{what}: {selection:?} is another");
            let ranged = decode_ranges(&head, &whole.bytes, &selection, &options);
            assert!(
                ranged.map(|(part, _)| part) == Ok(expected),
                "{what}: {selection:?} by ranges"
            );
        }
    }
}

/// Whether a step is one.
fn is_step(x: f64) -> bool {
    x.is_normal() && x > 0.0
}

/// Whether the encoder should take this.
fn is_sensible(request: &Request<'_>) -> bool {
    let mode = match request.params.mode {
        Mode::Quanta(number) | Mode::Noise(number) => is_step(number),
        _ => true,
    };
    mode && request.quanta.is_none_or(|quanta| quanta.iter().all(|&q| is_step(q)))
}

/// Samples of streams that lie one after another as they lie in a chunk.
fn arranged<T: Sample>(streams: &[T], shape: Shape, components: usize) -> Vec<T> {
    let row = shape.inner * components;
    let place = |i: usize| {
        let (outer, sample, stream) = (i / row / shape.length, i / row % shape.length, i % row);
        (outer * row + stream) * shape.length + sample
    };
    (0..streams.len()).map(|i| streams[place(i)]).collect()
}

/// Compresses what came back once more: with a quanta that is stated, those samples stay that were
/// rounded, and others err by no more than half of it.
fn assert_idempotent<T: Sample>(xs: &[T], ys: &[T], request: &Request<'_>, what: &str) {
    let data = raw(ys, request.dtype.order);
    let chunk = compress(&data, request).expect("valid").into_vec();
    let back = decompress(&chunk, data.len(), &Options::default()).expect("an own chunk");
    let zs: Vec<T> = samples(&back, request.dtype.order);
    let quanta = quanta_of_streams(request);
    for (i, stream) in streams_of_samples(request).enumerate() {
        let (x, y, z) = (xs[i], ys[i], zs[i]);
        let was_exact = x.bits() == y.bits();
        let near = (z.to_f64() - y.to_f64()).abs() <= quanta[stream] / 2.0;
        let may = was_exact && near || quanta[stream].is_infinite();
        assert!(z.bits() == y.bits() || may, "{what}: sample {i}, {x:?}, then {y:?}, then {z:?}");
    }
}

/// Any bytes are a signal.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let mut random = Random::new(9);
    let mut seed = |length: usize| (0..length).map(|_| random.bits() as u8).collect();
    (1..60).map(|i| seed(8 * i)).collect()
}

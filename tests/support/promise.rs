//! What is promised of every sample.

use h5flac::Mode;
use h5flac::chunk::Request;
use h5flac::sample::Sample;

/// The quanta that a mode states; infinite where it is estimated.
pub fn stated(mode: Mode) -> f64 {
    match mode {
        Mode::Lossless => 0.0,
        Mode::Quanta(quanta) => quanta,
        Mode::Decimal { numerator, power } => f64::from(numerator) / 10_f64.powi(power as i32),
        Mode::Precision(_) | Mode::Noise(_) => f64::INFINITY,
    }
}

/// The quanta of each component stream of a chunk.
pub fn quanta_of_streams(request: &Request<'_>) -> Vec<f64> {
    let stream = |stream: usize| match request.quanta {
        Some(quanta) => quanta[stream / request.dtype.components()],
        None => stated(request.params.mode),
    };
    (0..request.shape.streams() * request.dtype.components()).map(stream).collect()
}

/// The component stream that each sample of a chunk belongs to.
pub fn streams_of_samples(request: &Request<'_>) -> impl Iterator<Item = usize> + use<> {
    let row = request.shape.inner * request.dtype.components();
    let (outer, length) = (request.shape.outer, request.shape.length);
    (0..outer).flat_map(move |o| (0..length).flat_map(move |_| o * row..(o + 1) * row))
}

/// Fails unless all samples err by at most half of their quanta, and those come back bit for bit
/// that must: all where nothing may be lost, what is not finite, and the fill value.
pub fn assert_kept<T: Sample>(xs: &[T], ys: &[T], request: &Request<'_>, what: &str) {
    assert_eq!(xs.len(), ys.len(), "{what}");
    let components = request.dtype.components();
    let fill = request.fill.map(|element| {
        let mut parts = vec![T::default(); components];
        T::read_slice(element, request.dtype.order == h5flac::ByteOrder::Little, &mut parts);
        parts
    });
    let quanta = quanta_of_streams(request);
    let lossless = !T::FLOAT || request.params.mode == Mode::Lossless && request.quanta.is_none();
    for (i, ((x, y), stream)) in xs.iter().zip(ys).zip(streams_of_samples(request)).enumerate() {
        let is_fill = fill.as_ref().is_some_and(|f| f[stream % components].bits() == x.bits());
        let must = lossless || !x.is_finite() || is_fill;
        let near = (y.to_f64() - x.to_f64()).abs() <= quanta[stream] / 2.0 && y.is_finite();
        assert!(
            x.bits() == y.bits() || near && !must,
            "{what}: sample {i} of stream {stream}, {x:?} became {y:?}"
        );
    }
}

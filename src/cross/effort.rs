//! What each level of effort means.

/// Settings of a level.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Windows of a stream that are looked at; 0 to code each stream alone.
    pub windows: usize,
    /// Numbers of coefficients of a reference that are tried.
    pub taps: &'static [usize],
    /// Most samples that a coefficient's sample is before or behind the stream's.
    pub lag: i32,
    /// Bits that a coefficient must save of each sample: what the time it takes is worth.
    pub thrift: f64,
    /// Fewest samples of a stream that are worth a predictor.
    pub shortest: usize,
    /// Fewest samples of a chunk that are worth a look.
    pub least: usize,
    /// Samples that may have a predictor of their own; 0 for one predictor for all of a stream.
    pub span: usize,
}

/// The settings of level 0 to 8.
pub fn effort(level: u32) -> Effort {
    let quick = Effort {
        windows: 16,
        taps: &[1, 5],
        lag: 8,
        thrift: 1.0 / 1024.0,
        shortest: 4096,
        least: 1 << 18,
        span: 0,
    };
    match level {
        0 => Effort { windows: 0, ..quick },
        1..=5 => quick,
        _ => Effort {
            windows: 64,
            taps: &[1, 3, 5, 8, 12, 16],
            lag: 12,
            thrift: 1.0 / 4096.0,
            shortest: 1024,
            least: 1 << 12,
            span: 1 << 16,
        },
    }
}

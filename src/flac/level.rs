//! What each level of effort means.

use super::partition::Effort;

/// Settings of a level.
#[derive(Clone, Copy, Debug)]
pub struct Level {
    /// Highest order of linear predictors; 0 leaves the fixed ones.
    pub order: usize,
    /// Bits that a coefficient must save of each sample: what the time it takes is worth.
    pub thrift: f64,
    /// How many stretches either side of a stretch say what it weighs, for each analysis of a
    /// block in turn.
    pub reaches: &'static [usize],
    /// Most samples of a block that an analysis looks at, and that a first glance does.
    pub look: usize,
    /// Keep a predictor for as long as it serves, and try only what promises to be better.
    pub reuse: bool,
    /// Search for Rice parameters.
    pub rice: Effort,
    /// Block sizes to choose from, ascending; the first is the smallest unit of the choice.
    pub blocks: &'static [usize],
    /// Shortest stream for which it is made.
    pub shortest: usize,
    /// Samples of a stream for each section that the choice looks at.
    pub spacing: usize,
}

impl Level {
    /// Of a block of `length` samples one part in so many is looked at.
    pub fn every(&self, length: usize) -> usize {
        (length / self.look).max(1)
    }
}

/// The settings of level 0 to 8.
pub fn settings(level: u32) -> Level {
    let rough = Effort { order: 6, size: 128, exact: false };
    let fine = Effort { order: 8, size: 32, exact: true };
    let quick = Level {
        order: 12,
        thrift: 1.0 / 128.0,
        reaches: &[0],
        look: 2048,
        reuse: true,
        rice: Effort { order: 7, size: 64, exact: false },
        blocks: &[4096, 8192, 16384],
        shortest: 1 << 16,
        spacing: 1 << 17,
    };
    let deep = Level {
        order: 32,
        thrift: 0.0,
        reaches: &[0, 2, 0, 2],
        look: usize::MAX,
        reuse: false,
        rice: fine,
        blocks: &[1024, 2048, 4096, 8192, 16384],
        shortest: 2048,
        spacing: 1 << 16,
    };
    match level {
        0 => Level { order: 0, rice: rough, blocks: &[4096], ..quick },
        1 => Level { order: 4, rice: rough, ..quick },
        2 => Level { order: 6, rice: rough, ..quick },
        3 => Level { order: 8, rice: rough, ..quick },
        4 => Level { order: 8, ..quick },
        5 => quick,
        6 => Level { order: 16, reaches: &[0, 2], ..deep },
        7 => Level { order: 24, reaches: &[0, 2], ..deep },
        _ => deep,
    }
}

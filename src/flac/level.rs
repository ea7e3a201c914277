//! What each level of effort means.

use super::partition::Effort;
use super::window::Shape;

/// Settings of a level.
#[derive(Clone, Copy, Debug)]
pub struct Level {
    /// Highest order of linear predictors; 0 leaves the fixed ones.
    pub order: usize,
    /// Windows to analyse under.
    pub windows: &'static [Shape],
    /// Predictors to try on the block for each bit they cost.
    pub trials: usize,
    /// Analyses under windows that level out the residual.
    pub rounds: usize,
    /// Keep a predictor for as long as it serves.
    pub reuse: bool,
    /// Search for Rice parameters.
    pub rice: Effort,
    /// Block sizes to choose from, ascending; the first is the smallest unit of the choice.
    pub blocks: &'static [usize],
}

const SOME: &[Shape] = &[Shape::Parabola];
const MORE: &[Shape] = &[Shape::Parabola, Shape::Tapered(16)];
/// The settings of level 0 to 8.
pub fn settings(level: u32) -> Level {
    let rough = Effort { order: 6, size: 256, exact: false };
    let fine = Effort { order: 8, size: 32, exact: true };
    let usual = Level {
        order: 12,
        windows: SOME,
        trials: 1,
        rounds: 0,
        reuse: true,
        rice: Effort { order: 7, size: 64, exact: false },
        blocks: &[4096, 8192, 16384],
    };
    match level {
        0 => Level { order: 0, rice: rough, blocks: &[4096], ..usual },
        1 => Level { order: 4, rice: rough, ..usual },
        2 => Level { order: 6, rice: rough, ..usual },
        3 => Level { order: 8, rice: rough, ..usual },
        4 => Level { order: 8, ..usual },
        5 => usual,
        6 => Level { order: 16, reuse: false, rice: fine, trials: 1, ..usual },
        7 => Level {
            order: 24,
            windows: MORE,
            reuse: false,
            rice: fine,
            trials: 1,
            rounds: 1,
            blocks: &[2048, 4096, 8192, 16384],
            ..usual
        },
        _ => Level {
            order: 32,
            windows: MORE,
            reuse: false,
            rice: Effort { size: 16, ..fine },
            trials: 1,
            rounds: 4,
            blocks: &[1024, 2048, 4096, 8192, 16384],
        },
    }
}

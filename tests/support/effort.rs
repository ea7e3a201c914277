//! How much a test tries.

use proptest::prelude::ProptestConfig;

/// Cases that proptest tries where nothing else is said.
const DEFAULT: u32 = 256;

/// How many times as much as usual the environment variable `PROPTEST_CASES` asks for: 2560 for
/// ten times as many cases of everything.
pub fn times() -> usize {
    (ProptestConfig::default().cases / DEFAULT).max(1) as usize
}

/// As many cases as are usual, times that.
pub fn cases(usual: u32) -> ProptestConfig {
    ProptestConfig::with_cases(usual.saturating_mul(times() as u32))
}

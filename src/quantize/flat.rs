//! Runs of equal samples: dead sensors, saturation, padding, gaps that the grid does not miss.

use crate::sample::Sample;
use std::ops::Range;

/// Fewest equal samples that are worth the bytes of an exception: FLAC codes them in a bit each,
/// or in more where noise surrounds them.
pub const LEAST: usize = 128;

/// Calls `found` with each run of [`LEAST`] or more equal samples, unless all are equal: FLAC
/// has a subframe for that. Looks at one pair in 64 samples only.
pub fn runs<T: Sample>(samples: &[T], mut found: impl FnMut(Range<usize>)) {
    let is_same = |a: usize, b: usize| samples[a].bits() == samples[b].bits();
    let mut end = 0;
    for probe in (LEAST / 2 - 1..samples.len().saturating_sub(1)).step_by(LEAST / 2) {
        if probe < end || !is_same(probe, probe + 1) {
            continue;
        }
        let start = (end..probe).rev().take_while(|&i| is_same(i, probe)).last().unwrap_or(probe);
        end = (probe + 1..samples.len()).take_while(|&i| is_same(i, probe)).last().unwrap_or(probe)
            + 1;
        if end - start >= LEAST && end - start < samples.len() {
            found(start..end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_long_run_is_found_wherever_it_begins() {
        for start in 0..200 {
            for length in [LEAST - 1, LEAST, LEAST + 1, 300] {
                let mut samples: Vec<i32> = (0..700).collect();
                samples[start..start + length].fill(-1);
                let mut all = Vec::new();
                runs(&samples, |run| all.push(run));
                let expected = (length >= LEAST).then_some(start..start + length);
                assert!(all.into_iter().eq(expected), "{length} from {start}");
            }
        }
        runs(&[7_u8; 4096], |_| panic!("all are equal"));
        runs::<u8>(&[], |_| panic!("there is none"));
    }
}

//! What stands in a stream's integers where its exceptions are: whatever costs FLAC least.

/// Values either side of a gap that say what stands in it.
const REACH: usize = 128;

/// Replaces the values at `gaps` (ascending): by a straight line between their neighbours where
/// a sample is close to the one before it, by the mean of those around (or 0, when close) where it
/// is not. A block of gaps becomes zeros. Values stay between the least and the largest valid one,
/// or are 0.
pub fn fill<N: Copy + Default + Into<i64> + TryFrom<i64>>(values: &mut [N], gaps: &[u32]) {
    let number = |n: i64| N::try_from(n).unwrap_or_default();
    if gaps.len() == values.len() {
        values.fill(N::default());
        return;
    }
    let runs = || {
        let mut left = gaps;
        std::iter::from_fn(move || {
            let &first = left.first()?;
            let count = left.iter().zip(first..).take_while(|&(&a, b)| a == b).count();
            left = &left[count..];
            Some(first as usize..first as usize + count)
        })
    };
    // Valid stretches are what lies between the runs; of long ones the ends say enough.
    let valid = |look: &mut dyn FnMut(&[N])| {
        let mut from = 0;
        for run in runs() {
            if from > 0 && run.start - from > 2 * REACH {
                look(&values[from..from + REACH]);
                from = run.start - REACH;
            }
            look(&values[from.max(run.start.saturating_sub(2 * REACH))..run.start]);
            from = run.end;
        }
        look(&values[from..values.len().min(from + 2 * REACH)]);
    };
    let (mut sum, mut count) = (0.0, 0);
    valid(&mut |stretch| {
        sum += stretch.iter().map(|&x| x.into() as f64).sum::<f64>();
        count += stretch.len();
    });
    let mean = sum / count as f64;
    let (mut steps, mut spread) = (0.0, 0.0);
    valid(&mut |stretch| {
        steps += stretch.windows(2).map(|w| w[0].into().abs_diff(w[1].into()) as f64).sum::<f64>();
        spread += stretch.iter().map(|&x| (x.into() as f64 - mean).abs()).sum::<f64>();
    });
    let smooth = steps < spread;
    // Zeros cost least where they are close enough to the mean.
    let scatter = spread / count as f64;
    let level = if mean.abs() * 8.0 < scatter { 0 } else { mean as i64 };
    for run in runs() {
        let left = run.start.checked_sub(1).map(|i| values[i].into());
        let right = values.get(run.end).map(|&x| x.into());
        if !smooth {
            values[run].fill(number(level));
            continue;
        }
        let (left, right) = match (left, right) {
            (Some(left), Some(right)) => (left, right),
            (Some(one), None) | (None, Some(one)) => (one, one),
            (None, None) => (0, 0),
        };
        let count = run.len() as i128 + 1;
        let rise = i128::from(right) - i128::from(left);
        for (i, at) in (1..).zip(run) {
            values[at] = number((i128::from(left) + rise * i / count) as i64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smooth_gaps_become_lines_and_noisy_ones_the_mean() {
        let mut values = [10_i64, 12, 14, 0, 0, 0, 22, 24, 26, 0];
        fill(&mut values, &[3, 4, 5, 9]);
        assert_eq!(values, [10, 12, 14, 16, 18, 20, 22, 24, 26, 26]);
        let mut values = [5_i64, -5, 7, 99, -7, 5, -5];
        fill(&mut values, &[3]);
        assert_eq!(values[3], 0);
        let mut values = [3_i32, 4];
        fill(&mut values, &[0, 1]);
        assert_eq!(values, [0, 0]);
        let mut values = [i64::MIN, 0, i64::MAX];
        fill(&mut values, &[1]);
        assert!((-1..=0).contains(&values[1]));
    }
}

//! Plans in fixed point, of lossless floats.

use super::plan::{Form, Plan};
use super::planner::{Planner, exception_bits};
use super::quantizer::Quantizer;
use super::rule::Rule;
use super::sketch::{bits_per_sample, residuals};
use super::survey::survey;
use super::{Fixed, Place, grid};
use crate::layout::StreamView;
use crate::sample::Sample;

/// Bits of the multiples in fixed point. Coarse ones take FLAC less time, and cost the same where what
/// its predictors leave of them is noise.
const COARSE: u32 = 24;
const FINE: u32 = 31;
const MOST_SMOOTH: f64 = 64.0;

/// One in so many of a sketch's numbers may be rarely large; the others are within so many powers of
/// two of the next.
const RARE: usize = 32;
const ABOVE_MOST: i32 = 3;

/// Numbers within so many powers of two are of one size.
const EVEN: i32 = 4;

impl<T: Sample> Planner<'_, T> {
    /// The cheapest plan of floats in fixed point, of all or, where the largest are rare, of the
    /// others; none that costs so much. And whether most of them are of one size, about: then there is
    /// little to be had in their order.
    pub(super) fn fixed(
        &mut self,
        view: &StreamView<'_>,
        coded: usize,
        cost: f64,
    ) -> (Option<Plan>, bool) {
        // Exponents of the powers of two above; that of zero is below all others.
        let top = |largest: f64| grid::exponent(largest) + 1;
        let finite = self.sketch.samples.iter().map(|x| x.to_f64().abs()).filter(|x| x.is_finite());
        let mut sizes: Vec<f64> = finite.collect();
        let largest = self.extent.least.to_f64().abs().max(self.extent.most.to_f64().abs());
        let finite = |x: f64| x > 0.0 && x.is_finite();
        let largest = Some(largest).filter(|&x| finite(x));
        let largest = largest.or_else(|| sizes.iter().copied().reduce(f64::max));
        let Some(largest) = largest.filter(|&x| finite(x)) else { return (None, false) };
        let mut of = |part: usize| {
            let part = part.min(sizes.len().checked_sub(1)?);
            Some(top(*sizes.select_nth_unstable_by(part, f64::total_cmp).1))
        };
        let count = self.sketch.samples.len();
        let few = of(count / 4).unwrap_or(top(largest));
        let most = of(count - count / RARE - 1).unwrap_or(top(largest)) + ABOVE_MOST;
        let (mut found, mut above) =
            (self.fixed_below(view, coded, top(largest), cost), top(largest));
        if above >= most + ABOVE_MOST {
            // What is rare costs more than a sketch tells.
            let cost = found.map_or(cost, |(plan, _)| 1.05 * plan.cost);
            if let Some(less) = self.fixed_below(view, coded, most, cost) {
                (found, above) = (Some(less), most);
            }
        }
        let Some((plan, left)) = found else { return (None, false) };
        // What is smooth but for its last digits may follow a line, as times do.
        (Some(plan), left >= MOST_SMOOTH && few + EVEN >= above)
    }

    /// The plan in fixed point of numbers below 2^top, if it costs less than so much, and what FLAC's
    /// predictors leave of its multiples.
    fn fixed_below(
        &mut self,
        view: &StreamView<'_>,
        coded: usize,
        top: i32,
        cost: f64,
    ) -> Option<(Plan, f64)> {
        let plan = |(exponent, width)| {
            let limit = Fixed::new::<T>(exponent).place::<T>(1_i64 << (width - 1)) - 1;
            Plan {
                quantizer: Quantizer::lossless(Rule::Ordered),
                offset: 0,
                factor: 1,
                near: (0, limit as u64),
                range: (-limit, limit),
                form: Form::Fixed { exponent },
                width,
                coded,
                padding: None,
                cost: 0.0,
                exceptions: 0.0,
                surveyed: true,
            }
        };
        let mut found = plan(Fixed::suits::<T>(top, COARSE)?);
        let mut left = self.left_of(&found);
        if left < MOST_SMOOTH {
            found = plan(Fixed::suits::<T>(top, FINE)?);
            left = self.left_of(&found);
        }
        let Form::Fixed { exponent } = found.form else { return None };
        let fixed = Fixed::new::<T>(exponent);
        let places = self.numbers.iter().zip(&self.payload).map(|(&n, &multiple)| {
            match fixed.place_of(i64::from(multiple)) {
                Place::Bits(bits) => bits,
                Place::Zero(bits, _) => 1 + if n == i64::from(multiple) { 0 } else { bits },
            }
        });
        let places = f64::from(places.sum::<u32>()) / self.payload.len() as f64;
        found.cost = coded as f64 * (bits_per_sample([left; 4]) + places);
        if found.cost >= cost {
            return None;
        }
        let Plan { quantizer, near, .. } = found;
        let survey = survey(view, coded, &quantizer, near, &mut self.buffers);
        found.exceptions = exception_bits::<T>(&survey, &quantizer.rule);
        found.cost += found.exceptions;
        (found.cost < cost).then_some((found, left))
    }

    /// What FLAC's predictors leave of the sketch's integers, at least.
    fn left_of(&mut self, plan: &Plan) -> f64 {
        self.sketch_integers(plan);
        self.sketch_payload(plan);
        let residuals = residuals(self.kernels, &self.payload, self.sketch.stretch, plan.width);
        residuals.into_iter().fold(f64::INFINITY, f64::min)
    }
}

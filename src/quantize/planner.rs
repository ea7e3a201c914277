//! Which plan suits a stream: the rule for its samples, and the cheapest form of their integers.

use super::outline::extent;
use super::plan::{Form, LEAST_WIDTH, MOST_WIDTH, Plan, width};
use super::quantizer::Quantizer;
use super::rule::Rule;
use super::sketch::{Sketch, bits_per_sample, residuals};
use super::step::{Valid, Wishes};
use super::survey::{self, Buffers, Survey, VISIT, survey, visit};
use super::{Dither, flat, grid};
use crate::layout::StreamView;
use crate::sample::Sample;
use crate::simd::{Extent, Kernels, kernels};

/// Streams that are predicted to within a few units get so large a mean: predictions are rounded
/// down, and with a mean the predictor's coefficients can make up for it (grasshopper at 3 bits a
/// sample −20 %, ECG at 4.5 bits −0.9 %).
const LIFT: i64 = 4096;
/// Mean residual above which half a unit does not matter.
const MOST_LIFTED: f64 = 16.0;

/// Largest multiples of an estimated step that let it be found again, by the logarithm of a
/// float's bytes: sixteen spacings of the type, or exact products of a step of 24 bits.
const FINDABLE: [u64; 4] = [0, 1 << 7, 1 << 20, 1 << 29];

/// Samples that settle the last bits of a factor.
const FACTOR_SAMPLES: usize = 1 << 16;

/// Expected bits of the exceptions: the place of each run and, of two in three, a value. Runs are
/// gaps mostly, of one value; not so where an affine rule was promised that does not hold.
pub(super) fn exception_bits<T: Sample>(survey: &Survey, rule: &Rule) -> f64 {
    let more = if let Rule::Affine { .. } = rule { survey.values - survey.runs } else { 0 };
    let values = 6.0 * survey.runs as f64 + 8.0 * more as f64;
    18.0 * survey.runs as f64 + values * T::SIZE as f64
}

/// The grids of consecutive streams: those of one instrument mostly share one, or have none.
#[derive(Default)]
pub struct Grids {
    last: Option<Rule>,
    /// Streams since one had a grid.
    vain: u32,
}

/// Streams below this length cost less to encode than to search.
const SHORT: usize = 8192;

impl Grids {
    /// The grid of an earlier stream, if these samples lie on it.
    fn again<T: Sample>(&self, samples: &[T]) -> Option<Rule> {
        self.last.filter(|&rule| grid::fits(rule, samples))
    }

    /// The grid of samples of a stream of `length`. After short streams without one, few are
    /// searched.
    fn find<T: Sample>(&mut self, samples: &[T], length: usize) -> Option<Rule> {
        let skipped = length < SHORT && self.vain >= 4 && !self.vain.is_multiple_of(16);
        let found = if skipped { None } else { grid::find(samples) };
        self.vain = if found.is_some() { 0 } else { self.vain.wrapping_add(1) };
        found
    }
}

/// Plans streams of one chunk, one after another.
pub struct Planner<'a, T> {
    wishes: &'a Wishes<'a>,
    /// Whether floats may be in fixed point.
    fixed: bool,
    pub(super) kernels: &'static Kernels,
    threads: usize,
    /// Bits of the stream's fill value.
    fill: Option<u64>,
    /// The extremes of its samples.
    pub(super) extent: Extent<T>,
    /// Whether to survey every sample.
    careful: bool,
    pub(super) sketch: Sketch<T>,
    pub(super) buffers: Buffers<T>,
    pub(super) payload: Vec<i32>,
    pub(super) numbers: Vec<i64>,
    differences: Vec<i64>,
}

impl<'a, T: Sample> Planner<'a, T> {
    /// A planner for streams of a chunk, of which it looks at long ones on `threads`; `fixed` where
    /// floats may be in fixed point.
    pub fn new(wishes: &'a Wishes<'a>, fixed: bool, threads: usize) -> Self {
        let none = T::default();
        Planner {
            wishes,
            fixed,
            kernels: kernels(),
            threads,
            fill: None,
            extent: Extent { least: none, most: none, same: true },
            careful: false,
            sketch: Sketch::default(),
            buffers: Buffers::default(),
            payload: Vec::new(),
            numbers: Vec::new(),
            differences: Vec::new(),
        }
    }

    /// Plans component stream `index`; `grids` remembers the streams before it. `careful` to
    /// look at every sample.
    pub fn plan(
        &mut self,
        view: &StreamView<'_>,
        index: usize,
        grids: &mut Grids,
        careful: bool,
    ) -> Plan {
        self.fill = self.wishes.fill_of(index);
        self.careful = careful;
        // What pads chunks at the dataset's edge.
        let padding = self.fill.unwrap_or(0);
        let used = self.used(view, padding);
        if used == 0 {
            return Plan::constant(T::from_bits(padding).to_ordered(), view.len());
        }
        // A short tail is coded like the rest.
        let coded = if view.len() - used < flat::LEAST { view.len() } else { used };
        let buffer = &mut self.buffers.samples;
        self.extent = extent(self.kernels, view, coded, self.threads, buffer);
        if self.extent.same && coded == view.len() {
            let first = view.samples::<T>(0, 1, buffer)[0];
            return Plan::constant(first.to_ordered(), coded);
        }
        self.sketch.draw(view, used);
        let mut plan = self.best(view, index, used, coded, grids);
        let rule = plan.quantizer.rule;
        let zero = plan.zero::<T>();
        let x: T = rule.decode(zero, coded);
        let padded =
            x.bits() == padding && !rule.is_outside(zero, x) && !matches!(rule, Rule::Dithered(..));
        if coded < view.len() && !padded {
            plan.padding = Some(padding);
        }
        plan
    }

    /// Plans the first `coded` samples, `used` of which are no padding.
    fn best(
        &mut self,
        view: &StreamView<'_>,
        index: usize,
        used: usize,
        coded: usize,
        grids: &mut Grids,
    ) -> Plan {
        let raw = (coded * 8 * T::SIZE) as f64;
        let affine = self.affine(index).and_then(|quantizer| self.shape(view, coded, quantizer));
        // With a large offset many integers share a value, and the values may cost less.
        if let Some(plan) = affine
            && plan.cost < raw
            && plan.span() < self.extent.most.to_ordered().abs_diff(self.extent.least.to_ordered())
        {
            return plan;
        }
        let preferred = if T::FLOAT { self.preferred(view, used, index, grids) } else { None };
        let preferred = preferred.and_then(|quantizer| self.shape(view, coded, quantizer));
        let preferred = match preferred {
            Some(plan) if !plan.quantizer.is_exact() && plan.exceptions > coded as f64 => {
                Some(self.without_ties(view, used, coded, plan, grids))
            }
            other => other,
        };
        // Where the type is hardly finer than an estimated step, a rewritten chunk could not find
        // that step again.
        let preferred = preferred.filter(|plan| {
            let findable = FINDABLE[T::SIZE.ilog2() as usize];
            plan.quantizer.is_exact() || !self.wishes.is_estimated() || plan.reach() <= findable
        });
        if let Some(plan) = preferred
            && affine.is_none()
            && plan.cost < 0.5 * raw
            && plan.form == Form::Narrow
        {
            return plan;
        }
        let cheaper = |a: &Plan, b: &Plan| a.cost.total_cmp(&b.cost);
        let mut best = affine.into_iter().chain(preferred).min_by(cheaper);
        let mut total = &[Rule::Ordered][..];
        if T::FLOAT {
            let cost = best.map_or(raw, |plan| plan.cost);
            let (fixed, even) =
                if self.fixed { self.fixed(view, coded, cost) } else { (None, false) };
            if let (Some(plan), true) = (fixed, even) {
                return plan;
            }
            // Estimates are worth no more.
            let fixed = fixed.map(|plan| Plan { cost: 1.02 * plan.cost, ..plan });
            best = best.into_iter().chain(fixed).min_by(cheaper);
            total = &[Rule::Ordered, Rule::Folded];
        }
        let total =
            total.iter().filter_map(|&rule| self.shape(view, coded, Quantizer::lossless(rule)));
        let best = best.into_iter().chain(total).min_by(cheaper);
        best.expect("every sample has its place in the order")
    }

    /// Length of the stream without its padding.
    fn used(&mut self, view: &StreamView<'_>, padding: u64) -> usize {
        let (mut end, mut length) = (view.len(), 64);
        while end > 0 {
            let first = end.saturating_sub(length);
            let samples = view.samples::<T>(first, end - first, &mut self.buffers.samples);
            if let Some(last) = samples.iter().rposition(|x| x.bits() != padding) {
                return first + last + 1;
            }
            (end, length) = (first, VISIT);
        }
        0
    }

    /// The rule by which the values of a stream were made, where the wishes say so.
    fn affine(&self, index: usize) -> Option<Quantizer> {
        let (step, offset) = self.wishes.affine?[index / self.wishes.components];
        let quantizer = Quantizer::lossless(Rule::Affine { step, offset });
        (T::FLOAT && quantizer.is_usable()).then_some(quantizer)
    }

    /// The rule that the wishes, or the samples themselves, suggest for floats.
    fn preferred(
        &mut self,
        view: &StreamView<'_>,
        used: usize,
        index: usize,
        grids: &mut Grids,
    ) -> Option<Quantizer> {
        let valid = Valid::new(view, used, self.fill);
        let buffer = &mut self.buffers.samples;
        let quantizer = match self.wishes.rule(&valid, index / self.wishes.components, buffer) {
            Some(rule) => {
                let rule = match (rule, self.wishes.dither) {
                    (Rule::Quanta(quanta), Some(seed)) => {
                        Rule::Dithered(quanta, Dither::new(seed, index as u64))
                    }
                    _ => rule,
                };
                Quantizer::lossy(rule, self.fill)
            }
            None => Quantizer::lossless(self.grid(view, &valid, used, grids)?),
        };
        quantizer.is_usable().then_some(quantizer)
    }

    /// A lossy plan with many exceptions, or the lossless one for samples on a grid of their own, if
    /// it costs less. Where a step is an even multiple of theirs, many lie half a step from their
    /// neighbours, and to round those pushes them past the bound.
    fn without_ties(
        &mut self,
        view: &StreamView<'_>,
        used: usize,
        coded: usize,
        plan: Plan,
        grids: &mut Grids,
    ) -> Plan {
        let valid = Valid::new(view, used, self.fill);
        let rule = self.grid(view, &valid, used, grids);
        let exact = rule.map(Quantizer::lossless).filter(Quantizer::is_usable);
        let exact = exact.and_then(|quantizer| self.shape(view, coded, quantizer));
        exact.filter(|exact| exact.cost < plan.cost).unwrap_or(plan)
    }

    /// The grid on which a stream's floats lie.
    fn grid(
        &mut self,
        view: &StreamView<'_>,
        valid: &Valid<'_, '_>,
        used: usize,
        grids: &mut Grids,
    ) -> Option<Rule> {
        // −0 is on no grid; where it is rare enough it is an exception.
        let is_fit = |x: &T| valid.is(x) && x.to_f64().to_bits() != (-0.0_f64).to_bits();
        let buffer = &mut self.buffers.samples;
        buffer.clear();
        buffer.extend(self.sketch.samples.iter().filter(|x| is_fit(x)));
        if let Some(rule) = grids.again(buffer) {
            return Some(rule);
        }
        let mut rule = grids.find(buffer, used)?;
        if let Rule::Quanta(quanta) = &mut rule {
            // A sketch bounds an arbitrary factor too loosely for all the rest.
            buffer.resize(used.min(FACTOR_SAMPLES), T::default());
            view.read(0, buffer);
            buffer.retain(is_fit);
            *quanta = grid::refine(buffer, *quanta);
        }
        grids.last = Some(rule);
        Some(rule)
    }

    /// The best form for a quantizer's integers; none when it finds no integer at all.
    fn shape(&mut self, view: &StreamView<'_>, coded: usize, quantizer: Quantizer) -> Option<Plan> {
        let extent = self.extent;
        let outline = if self.careful { None } else { self.outline(&quantizer, &extent) };
        let (centre, limit, found) = match outline {
            Some(outline) => (outline.centre, u64::MAX, Survey::plain(outline.range)),
            None => self.survey(view, coded, &quantizer)?,
        };
        let (least, most) = found.range?;
        let exceptions = exception_bits::<T>(&found, &quantizer.rule);
        let mut plan = Plan {
            quantizer,
            offset: centre,
            factor: found.factor.max(1),
            near: (centre, limit),
            range: (least, most),
            form: Form::Constant,
            width: 0,
            coded,
            padding: None,
            cost: exceptions,
            exceptions,
            surveyed: outline.is_none(),
        };
        if least == most {
            plan.offset = least;
            return Some(plan);
        }
        if i64::try_from(most.abs_diff(least)).is_err() {
            // n itself: differences from an offset would wrap.
            (plan.offset, plan.factor) = (0, 1);
        }
        // The payload of an outline is above the least.
        let base = outline.map(|outline| outline.range.0);
        self.narrow(&mut plan, view, (least, most), found.misses == 0, base);
        Some(plan)
    }

    /// A centre, the limit of what is near, and what all near integers tell.
    fn survey(
        &mut self,
        view: &StreamView<'_>,
        coded: usize,
        quantizer: &Quantizer,
    ) -> Option<(i64, u64, Survey)> {
        let (centre, spread) = self.centre(quantizer)?;
        let found = survey(view, coded, quantizer, (0, u64::MAX), &mut self.buffers);
        let (least, most) = found.range?;
        if most.abs_diff(centre).max(least.abs_diff(centre)) / 64 > spread.max(1)
            && let Some(near) = survey::limit(view, coded, quantizer, centre, &mut self.buffers)
        {
            let found = survey(view, coded, quantizer, (centre, near), &mut self.buffers);
            return Some((centre, near, found));
        }
        Some((centre, u64::MAX, found))
    }

    /// Median of the sketch's integers and of their distances from it; none where there are only
    /// exceptions.
    fn centre(&mut self, quantizer: &Quantizer) -> Option<(i64, u64)> {
        let stretch = self.sketch.stretch;
        let Buffers { numbers, misses, .. } = &mut self.buffers;
        numbers.resize(stretch, 0);
        self.numbers.clear();
        for (samples, &first) in self.sketch.samples.chunks_exact(stretch).zip(&self.sketch.firsts)
        {
            misses.clear();
            quantizer.run(samples, first, numbers, misses);
            let mut misses = misses.iter().copied().peekable();
            let valid = (0..).zip(numbers.iter()).filter(|(i, _)| misses.next_if_eq(i).is_none());
            self.numbers.extend(valid.map(|(_, &n)| n));
        }
        let middle = self.numbers.len().checked_sub(1)? / 2;
        let centre = *self.numbers.select_nth_unstable(middle).1;
        self.numbers.sort_unstable_by_key(|n| n.abs_diff(centre));
        Some((centre, self.numbers[middle].abs_diff(centre)))
    }

    /// Chooses the form of integers in this range around the plan's offset and factor, and adds
    /// its cost. `gapless` when there are no exceptions; `base` when the sketch's integers above
    /// it are in `payload`.
    fn narrow(
        &mut self,
        plan: &mut Plan,
        view: &StreamView<'_>,
        (least, most): (i64, i64),
        gapless: bool,
        base: Option<i64>,
    ) {
        let factor = plan.factor as i64;
        let range = |offset: i64| {
            let scale = |n: i64| n.wrapping_sub(offset) / factor;
            (scale(least), scale(most))
        };
        let length = plan.coded as f64;
        let mut bits = width(range(plan.offset));
        if bits > MOST_WIDTH && most.abs_diff(least) / plan.factor < 1 << 32 {
            // It fits around the middle.
            let half = (most.abs_diff(least) / plan.factor / 2 + 1) * plan.factor;
            plan.offset = least.wrapping_add(half as i64);
            bits = width(range(plan.offset));
        }
        if bits <= MOST_WIDTH {
            plan.form = Form::Narrow;
            match base {
                Some(base) => {
                    let rise = plan.offset.wrapping_sub(base) as i32;
                    self.payload.iter_mut().for_each(|k| *k = k.wrapping_sub(rise));
                }
                None => {
                    self.sketch_integers(plan);
                    self.sketch_payload(plan);
                }
            }
            let residuals = residuals(self.kernels, &self.payload, self.sketch.stretch, bits);
            let [level, slopes @ ..] = residuals;
            let residual = slopes.into_iter().fold(f64::INFINITY, f64::min);
            let lifted = LIFT.checked_mul(factor).and_then(|lift| plan.offset.checked_sub(lift));
            if residual < MOST_LIFTED
                && level > 4.0 * residual
                && let Some(lifted) = lifted
                // Differences from the offset must not wrap, nor outgrow FLAC.
                && i64::try_from(most.abs_diff(lifted)).is_ok()
                && width(range(lifted)) <= MOST_WIDTH
            {
                plan.offset = lifted;
                bits = width(range(lifted));
            }
            plan.width = bits.max(LEAST_WIDTH);
            plan.cost += length * bits_per_sample(residuals);
            return;
        }
        let low = bits - MOST_WIDTH;
        self.sketch_integers(plan);
        let differences = if gapless { self.difference(plan, view) } else { None };
        plan.form = Form::Split { low };
        self.sketch_payload(plan);
        let stretch = self.sketch.stretch;
        let high = residuals(self.kernels, &self.payload, stretch, MOST_WIDTH);
        let high = bits_per_sample(high).min(32.0);
        let split = length * (high + f64::from(low));
        match differences {
            Some((step, width, cost)) if cost < split => {
                plan.form = Form::Difference { step };
                plan.width = width;
                plan.cost += cost;
            }
            _ => {
                plan.width = MOST_WIDTH;
                plan.cost += split;
            }
        }
    }

    /// The sketch's k, in `numbers`.
    pub(super) fn sketch_integers(&mut self, plan: &Plan) {
        let stretch = self.sketch.stretch;
        self.numbers.resize(self.sketch.samples.len(), 0);
        let samples = self.sketch.samples.chunks_exact(stretch);
        let numbers = self.numbers.chunks_exact_mut(stretch);
        for ((samples, numbers), &first) in samples.zip(numbers).zip(&self.sketch.firsts) {
            plan.integers(samples, first, numbers, &mut self.buffers.misses);
        }
    }

    /// What FLAC would code of them, in `payload`.
    pub(super) fn sketch_payload(&mut self, plan: &Plan) {
        self.payload.resize(self.numbers.len(), 0);
        plan.payload::<T>(&self.numbers, &mut self.payload);
    }

    /// The usual difference of neighbours, the width of what is left, and its cost in all, when
    /// FLAC can hold that.
    fn difference(&mut self, plan: &Plan, view: &StreamView<'_>) -> Option<(i64, u32, f64)> {
        let stretch = self.sketch.stretch;
        self.differences.clear();
        for numbers in self.numbers.chunks_exact(stretch) {
            self.differences.extend(numbers.windows(2).map(|w| w[1].wrapping_sub(w[0])));
        }
        if self.differences.is_empty() {
            return None;
        }
        let middle = self.differences.len() / 2;
        let mut sorted = self.differences.clone();
        let (_, &mut step, _) = sorted.select_nth_unstable(middle);
        // A frame's first sample has 0 for its difference.
        let (mut least, mut most) = (0_i64, 0_i64);
        let mut last = None;
        let Buffers { samples, numbers, misses } = &mut self.buffers;
        visit(view, plan.coded, samples, |first, samples: &[T]| {
            numbers.resize(samples.len(), 0);
            plan.integers(samples, first, numbers, misses);
            for &k in numbers.iter() {
                let d = k.wrapping_sub(last.unwrap_or(k.wrapping_sub(step))).wrapping_sub(step);
                (least, most) = (least.min(d), most.max(d));
                last = Some(k);
            }
        });
        let width = width((least, most));
        if width > MOST_WIDTH {
            return None;
        }
        self.payload.clear();
        self.payload.extend(self.differences.iter().map(|d| d.wrapping_sub(step) as i32));
        let stretch = (stretch - 1).max(1);
        let bits = bits_per_sample(residuals(self.kernels, &self.payload, stretch, width));
        Some((step, width.max(LEAST_WIDTH), plan.coded as f64 * bits))
    }
}

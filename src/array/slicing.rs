//! What a slice selects of each axis.

use crate::error::{Error, Result};
use ndarray::{ArrayD, Axis, Slice, SliceInfoElem};
use std::ops::Range;

/// What is selected of an axis: every so many positions of a range, from its end where the step is
/// below 0. As ndarray has it, the range is cut out first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    start: usize,
    end: usize,
    step: isize,
    /// Whether the axis is left out of what is selected.
    pub single: bool,
}

impl Part {
    /// What an element of a slice selects of an axis of `length`.
    fn new(element: &SliceInfoElem, length: usize) -> Result<Self> {
        // Axes are shorter than isize::MAX.
        let place = |i: isize| if i < 0 { i + length as isize } else { i };
        let outside = |what: String| Error::invalid(format!("{what}, but the axis has {length}"));
        match *element {
            SliceInfoElem::Index(index) => {
                let at = place(index);
                if !(0..length as isize).contains(&at) {
                    return Err(outside(format!("index {index}")));
                }
                Ok(Part { start: at as usize, end: at as usize + 1, step: 1, single: true })
            }
            SliceInfoElem::Slice { start, end, step } => {
                let range = place(start)..end.map_or(length as isize, place);
                let is_inside = |at: isize| (0..=length as isize).contains(&at);
                if !is_inside(range.start) || !is_inside(range.end) {
                    let end = end.map_or(String::new(), |end| end.to_string());
                    return Err(outside(format!("range {start}..{end}")));
                }
                if step == 0 {
                    return Err(Error::invalid("a slice with step 0; use 1 for every element"));
                }
                let end = range.end.max(range.start) as usize;
                Ok(Part { start: range.start as usize, end, step, single: false })
            }
            SliceInfoElem::NewAxis => Err(Error::invalid(
                "a slice with a new axis; insert it into what the slice gives: insert_axis",
            )),
        }
    }

    /// The range that it is cut from.
    pub fn range(&self) -> Range<usize> {
        self.start..self.end
    }

    /// How many positions are selected.
    pub fn len(&self) -> usize {
        (self.end - self.start).div_ceil(self.step.unsigned_abs())
    }

    /// The positions, in order.
    fn positions(&self) -> impl Iterator<Item = usize> + Clone + '_ {
        let step = self.step.unsigned_abs();
        (0..self.len()).map(move |i| {
            if self.step > 0 { self.start + i * step } else { self.end - 1 - i * step }
        })
    }

    /// What is selected along the last axis of an array that has the whole range there.
    pub fn thinned<T: Clone>(&self, mut array: ArrayD<T>) -> ArrayD<T> {
        let axis = Axis(array.ndim() - 1);
        if self.single {
            return array.index_axis_move(axis, 0);
        }
        if self.step != 1 {
            array.slice_axis_inplace(axis, Slice::new(0, None, self.step));
            // Without what lies between the steps.
            return array.as_standard_layout().into_owned();
        }
        array
    }
}

/// What a slice selects of each axis of an array.
///
/// # Errors
/// `InvalidArgument` for another number of axes, a new one, or what lies outside an axis.
pub fn parts(slice: &[SliceInfoElem], shape: &[usize]) -> Result<Vec<Part>> {
    if slice.len() != shape.len() {
        return Err(Error::invalid(format!(
            "a slice of {} axes, but the array has {}; use .. for what is to stay whole",
            slice.len(),
            shape.len()
        )));
    }
    let axes = slice.iter().zip(shape).enumerate();
    axes.map(|(axis, (element, &length))| {
        Part::new(element, length).map_err(|e| e.within(format!("axis {axis}")))
    })
    .collect()
}

/// Numbers of the streams that are selected of an array of this shape.
pub fn streams(parts: &[Part], shape: &[usize]) -> Vec<usize> {
    let leading = parts.len() - 1;
    parts[..leading].iter().zip(shape).fold(vec![0], |numbers, (part, &length)| {
        let along = |number: usize| part.positions().map(move |at| number * length + at);
        numbers.into_iter().flat_map(along).collect()
    })
}

use super::Rule;
use crate::sample::Sample;
pub fn find<T: Sample>(_samples: &[T]) -> Option<Rule> {
    None
}
pub fn leading<T: Sample>(_samples: &[T]) -> Option<(f64, usize)> {
    None
}

//! Parts of chunks, from the bytes that they need alone.

use h5flac::chunk::{Options, Selection};
use h5flac::{Head, Result};
use std::ops::Range;

/// Decodes a selection from nothing but its byte ranges, and returns those too.
pub fn decode_ranges(
    head: &Head,
    bytes: &[u8],
    selection: &Selection<'_>,
    options: &Options,
) -> Result<(Vec<u8>, Vec<Range<u64>>)> {
    let ranges = head.byte_ranges(selection)?;
    assert!(ranges.iter().all(|range| range.start < range.end), "{ranges:?}");
    assert!(ranges.windows(2).all(|pair| pair[0].end < pair[1].start), "{ranges:?}");
    let fetch = |wanted: Range<u64>| {
        let place = wanted.start as usize..wanted.end as usize;
        let known = |r: &Range<u64>| r.start <= wanted.start && wanted.end <= r.end;
        let allowed = place.is_empty() || ranges.iter().any(known);
        assert!(allowed, "{wanted:?} is not in {ranges:?}");
        bytes.get(place)
    };
    let count = selection.streams.map_or(head.shape.streams(), <[usize]>::len);
    let mut out = vec![0xa5; count * selection.samples.len() * head.dtype.element_size()];
    head.decode_selection(selection, &fetch, &mut out, options)?;
    Ok((out, ranges))
}

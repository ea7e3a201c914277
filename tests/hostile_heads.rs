//! Promise: whatever a head says that the format calls invalid is refused and named, though its
//! checksums be right.

mod support;

use h5flac::chunk::{Options, Selection};
use h5flac::flac::Encoder;
use h5flac::{ErrorKind, Head, decompress, decompress_streams};
use support::checksums::seal;
use support::claims::{Claims, column, float_code, sealed, varint, zigzag};
use support::decoding::{UNVERIFIED, VERIFIED};
use support::index::{BLOCK, DETAIL, EXCEPTIONS, FACTOR, KIND, PADDING, PARAMETER, SECOND, WIDTH};

const I8: u8 = 0;
const I32: u8 = 2 << 2;
const F32: u8 = 2 | 2 << 2;
const I64: u8 = 3 << 2;

#[track_caller]
fn assert_refused(bytes: &[u8], kind: ErrorKind, expected: &str) {
    let error = Head::parse(bytes).expect_err(expected);
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(expected), "{error}; expected: {expected}");
    // The head is looked at first, verified or not.
    for options in [VERIFIED, UNVERIFIED] {
        assert_eq!(decompress(bytes, usize::MAX, &options), Err(error.clone()));
    }
}

/// Two streams of 100 samples without frames.
fn constant(code: u8) -> Claims {
    Claims::new(code, [2, 100, 1], [0, 14, 1, 0, 0, 0, 0, 0, 0, 0], &[])
}

/// Two streams of this kind in frames of 40 samples and 20 bytes.
fn framed(code: u8, kind: u64) -> Claims {
    let low = if kind == 0x20 { 5 } else { 0 };
    Claims::new(code, [2, 100, 1], [kind, 14, 1, 9, 40, low, 0, 0, 0, 0], &[0, 20])
}

#[test]
fn the_heads_that_are_changed_here_are_valid() {
    for claims in [constant(I32), constant(F32), framed(I32, 0x10), framed(F32, 0x15)] {
        assert_eq!(Head::parse(&claims.chunk(&[])).map(|head| head.shape.length), Ok(100));
    }
    assert_eq!(decompress(&constant(I32).chunk(&[]), 800, &VERIFIED), Ok([7, 0, 0, 0].repeat(200)));
}

#[test]
fn prefixes_that_are_not_ours_are_refused() {
    let good = constant(I32).chunk(&[]);
    for length in 0..Head::PREFIX {
        assert_refused(&good[..length], ErrorKind::Truncated, "and an h5flac chunk begins with 20");
    }
    let changed = |at: usize, value: u8| {
        let mut bytes = good.clone();
        bytes[at] = value;
        seal(&mut bytes);
        bytes
    };
    for at in 0..4 {
        assert_refused(&changed(at, 0), ErrorKind::Corrupt, "written by something else");
    }
    for version in [0, 2, 255] {
        let told = format!("format version {version}, and this h5flac reads version 1: install");
        assert_refused(&changed(4, version), ErrorKind::Unsupported, &told);
    }
    for bit in 3..8 {
        let told = "install a later h5flac";
        assert_refused(&changed(6, 1 << bit), ErrorKind::Unsupported, told);
    }
    for flags in [3, 5, 7] {
        assert_refused(&changed(6, flags), ErrorKind::Corrupt, &format!("flags {flags:#x}"));
    }
    assert_refused(&changed(7, 1), ErrorKind::Corrupt, "flags 0x0, 0x1");
    let mut long = good.clone();
    long[8..16].fill(255);
    assert_refused(&long, ErrorKind::Corrupt, "a head of 18446744073709551615 bytes");
    assert_refused(&changed(9, 1), ErrorKind::Truncated, "bytes of");
    let mut wrong = good.clone();
    wrong[16] ^= 1;
    let error = Head::parse(&wrong).unwrap_err();
    assert!(error.to_string().contains("does not match its CRC-32"), "{error}");
    assert_eq!(decompress(&wrong, 800, &UNVERIFIED), decompress(&good, 800, &VERIFIED));
}

#[test]
fn types_that_are_none_are_refused() {
    for code in 0..=u8::MAX {
        let (class, size, complex) = (code & 3, code >> 2 & 3, code >> 5 & 1);
        let known = code < 64 && if class == 2 { size > 0 } else { class < 2 && complex == 0 };
        let bytes = constant(code).chunk(&[]);
        match Head::parse(&bytes) {
            Ok(head) => assert!(known && head.dtype.size == 1 << size, "code {code:#x}"),
            Err(_) => {
                let told = match code {
                    _ if class == 3 => "number class 3",
                    64.. => "an unknown bit",
                    _ => "element type",
                };
                assert!(!known, "code {code:#x}");
                assert_refused(&bytes, ErrorKind::Corrupt, told);
            }
        }
    }
}

#[test]
fn shapes_of_nothing_and_of_more_than_memory_are_refused() {
    let of = |shape| Claims { shape, ..constant(I32) }.chunk(&[]);
    for shape in [[0, 1, 1], [1, 0, 1], [1, 1, 0], [u64::MAX, u64::MAX, 0]] {
        let kind = if shape[0] > 1 { ErrorKind::TooLarge } else { ErrorKind::Corrupt };
        assert_refused(&of(shape), kind, "a chunk of");
    }
    for shape in [[1 << 32, 1 << 32, 1], [1, u64::MAX, 1], [1, 1 << 61, 1], [3, 1, 1 << 60]] {
        assert_refused(&of(shape), ErrorKind::TooLarge, "a chunk of");
    }
    let endless = [0xff; 9].iter().chain(&[2]).copied().collect::<Vec<u8>>();
    assert_refused(&sealed(I32, 0, &endless, &[]), ErrorKind::Corrupt, "more than 64 bits");
    assert_refused(&sealed(I32, 0, &[0x80; 30], &[]), ErrorKind::Corrupt, "more than 64 bits");
    for length in 0..3 {
        let told = "0 bytes left where 1 belong";
        assert_refused(
            &sealed(I32, 0, &[1, 0x81, 0x81][..length], &[]),
            ErrorKind::Truncated,
            told,
        );
    }
}

#[test]
fn raw_pieces_that_are_no_division_of_the_samples_are_refused() {
    let of = |size: u64, checks: usize| {
        let mut rest = vec![2, 100, 1];
        varint(size, &mut rest);
        rest.resize(rest.len() + 4 * checks, 0);
        sealed(I32, 1, &rest, &[0; 800])
    };
    assert!(Head::parse(&of(400, 2)).is_ok() && Head::parse(&of(256, 4)).is_ok());
    for (size, checks) in
        [(0, 0), (0, 200), (1, 800), (6, 134), (804, 1), (400, 1), (400, 3), (u64::MAX - 3, 1)]
    {
        assert_refused(&of(size, checks), ErrorKind::Corrupt, &format!("raw pieces of {size}"));
    }
    assert_refused(&sealed(I32, 1, &[2, 100, 1], &[]), ErrorKind::Truncated, "0 bytes left");
}

#[test]
fn columns_without_form_are_refused() {
    let table = constant(I32).chunk(&[]);
    let start = Head::PREFIX + 3;
    for at in 0..10 {
        let mut bytes = table.clone();
        bytes[start + 2 * at] = 2;
        seal(&mut bytes);
        assert_refused(&bytes, ErrorKind::Corrupt, "column layout 2; known are 0 and 1");
    }
    let rest = &table[Head::PREFIX..start + 20];
    for length in 3..rest.len() {
        assert_refused(&sealed(I32, 0, &rest[..length], &[]), ErrorKind::Truncated, "");
    }
    // A value for each of more streams than there are bytes.
    let rest = [&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 1, 1, 1][..], &[0; 40]].concat();
    let told = "values in 40 bytes";
    assert_refused(&sealed(I8, 0, &rest, &[]), ErrorKind::Truncated, told);
    let more = Claims { rest: vec![0], ..constant(I32) };
    assert_refused(&more.chunk(&[]), ErrorKind::Corrupt, "1 bytes after its end");
}

#[test]
fn rules_and_forms_of_later_versions_are_refused() {
    for rule in 6..16 {
        let told = format!("stream 0: decoding rule {rule}: install a later h5flac");
        assert_refused(&framed(F32, 0x10 | rule).chunk(&[]), ErrorKind::Unsupported, &told);
    }
    for form in [6, 7, 15, 16, 1 << 40] {
        let told = format!("stream form {form}: install a later h5flac");
        assert_refused(&framed(I32, form << 4).chunk(&[]), ErrorKind::Unsupported, &told);
    }
    for rule in 1..6 {
        let mut claims = framed(I32, 0x10 | rule);
        claims.columns[PARAMETER] = vec![if rule == 5 { 0 } else { float_code(1.0) }];
        if rule == 2 {
            claims.columns[PARAMETER] = vec![1];
        }
        assert_refused(&claims.chunk(&[]), ErrorKind::Corrupt, "a decoding rule of floats");
        claims.code = F32;
        assert!(Head::parse(&claims.chunk(&[])).is_ok(), "rule {rule}");
    }
}

#[test]
fn floats_that_are_not_in_fixed_point_are_refused() {
    // Streams of 100 samples in blocks of 40: three frames each.
    let of = |code: u8, exponent: i64, width: u64, behind: [i64; 6]| {
        let mut rest = Vec::new();
        for (i, length) in behind.into_iter().enumerate() {
            let last = if i % 3 == 0 { 0 } else { behind[i - 1] };
            varint(zigzag(length - last), &mut rest);
        }
        rest.extend([0, 20]);
        Claims::new(code, [2, 100, 1], [0x50, 0, 1, width, 40, zigzag(exponent), 0, 0, 0, 0], &rest)
    };
    const F16: u8 = 2 | 1 << 2;
    const F64: u8 = 2 | 3 << 2;
    let good = [4, 5, 9, 324, 4, 4];
    for (code, exponent, width) in [
        (F32, -23, 25),
        (F32, -149, 25),
        (F32, 103, 25),
        (F16, -24, 12),
        (F16, 4, 12),
        (F64, -1000, 32),
        (F64, 992, 32),
        (F64, 1000, 24),
    ] {
        let head = Head::parse(&of(code, exponent, width, good).chunk(&[])).unwrap();
        assert_eq!(
            head.byte_ranges(&Selection { streams: None, samples: 0..100 }).unwrap().len(),
            1
        );
        assert_eq!(
            head.chunk_len().unwrap(),
            head.byte_ranges(&Selection { streams: None, samples: 0..100 }).unwrap()[0].end + 4
        );
    }
    for (code, exponent, width) in [
        (F32, -150, 25),
        (F32, -149, 26),
        (F32, 104, 25),
        (F32, i64::MIN, 25),
        (F16, -25, 12),
        (F16, -24, 13),
        (F16, 5, 12),
        (F64, -1001, 32),
        (F64, 993, 32),
        (F64, 1001, 4),
        (I32, -3, 9),
    ] {
        let told = if code == I32 { "for int32" } else { "bits of multiples of" };
        assert_refused(&of(code, exponent, width, good).chunk(&[]), ErrorKind::Corrupt, told);
    }
    for bad in [3, -4, 0, 325, i64::MAX, i64::MIN] {
        for at in 0..6 {
            let mut behind = good;
            behind[at] = bad;
            let told = "bytes behind a frame of 40 samples";
            if behind.iter().zip(&behind[1..]).all(|(a, b)| b.checked_sub(*a).is_some()) {
                assert_refused(&of(F32, -23, 25, behind).chunk(&[]), ErrorKind::Corrupt, told);
            }
        }
    }
    for (field, value) in [(KIND, 0x51), (1, 2), (FACTOR, 2)] {
        let mut claims = of(F32, -23, 25, good);
        claims.columns[field] = vec![value];
        assert_refused(&claims.chunk(&[]), ErrorKind::Corrupt, "floats in fixed point");
    }
}

#[test]
fn quanta_that_are_no_step_are_refused() {
    let of = |rule: u64, parameter: u64, second: u64| {
        let mut claims = framed(F32, 0x10 | rule);
        (claims.columns[PARAMETER], claims.columns[SECOND]) = (vec![parameter], vec![second]);
        claims.chunk(&[])
    };
    let least = f64::MIN_POSITIVE;
    for rule in [1, 3, 4] {
        for quanta in [least, 0.1, f64::MAX] {
            assert!(Head::parse(&of(rule, float_code(quanta), 0)).is_ok());
        }
        for quanta in [f64::NAN, f64::INFINITY, 0.0, -0.0, -1.0, 5e-324, least / 2.0, -f64::NAN] {
            let told = format!("quanta with bits {} of kind", quanta.to_bits());
            assert_refused(&of(rule, float_code(quanta), 0), ErrorKind::Corrupt, &told);
        }
    }
    let decimal = |numerator: u64, power: u64| of(2, numerator | power << 32, 0);
    assert!(Head::parse(&decimal(u64::from(u32::MAX), 22)).is_ok());
    for (numerator, power) in [(0, 0), (0, 3), (1, 23), (1, u64::from(u32::MAX))] {
        assert_refused(&decimal(numerator, power), ErrorKind::Corrupt, "decimal quanta");
    }
    for rule in [0, 5] {
        assert_refused(&of(rule, 1, 0), ErrorKind::Corrupt, "unused parameter 1");
    }
    for rule in [0, 1, 2, 3, 5] {
        let parameter = [0, float_code(1.0), 1, float_code(1.0), 0, 0][rule as usize];
        assert_refused(&of(rule, parameter, 4), ErrorKind::Corrupt, "second parameter 4");
    }
    for offset in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let bytes = of(4, float_code(1.0), float_code(offset));
        assert_refused(&bytes, ErrorKind::Corrupt, "second parameter");
    }
}

#[test]
fn fields_out_of_their_range_are_refused() {
    // What is changed in streams of which kind, and what is told of it.
    let cases = [
        (0x10, FACTOR, 0, "factor 0"),
        (0x00, FACTOR, 0, "factor 0"),
        (0x10, WIDTH, 0, "width 0"),
        (0x10, WIDTH, 3, "width 3"),
        (0x10, WIDTH, 33, "width 33"),
        (0x10, WIDTH, u64::MAX, "width"),
        (0x00, WIDTH, 9, "width 9"),
        (0x10, BLOCK, 0, "block size 0"),
        (0x10, BLOCK, 65_536, "block size 65536"),
        (0x10, BLOCK, 15, "blocks of 15 samples"),
        (0x00, BLOCK, 40, "block size 40"),
        (0x00, DETAIL, 1, "unused detail 1"),
        (0x10, DETAIL, 1, "unused detail 1"),
        (0x20, DETAIL, 0, "low bits 0"),
        (0x20, DETAIL, 64, "low bits 64"),
        (0x20, DETAIL, u64::MAX, "low bits"),
        (0x10, PADDING, 100, "padding 100"),
        (0x00, PADDING, 100, "padding 100"),
        (0x10, PADDING, u64::MAX, "padding"),
        (0x10, EXCEPTIONS, 2, "exceptions flag 2"),
        (0x00, EXCEPTIONS, 2, "exceptions flag 2"),
        (0x40, KIND, 0x40, "bits 0 of kind"),
    ];
    for (kind, field, value, told) in cases {
        let claims = if kind == 0 { constant(I64) } else { framed(I64, kind) };
        for each in [false, true] {
            let mut claims = claims.clone();
            let good = claims.columns[field][0];
            claims.columns[field] = if each { vec![good, value] } else { vec![value] };
            let told = if each && kind == 0x10 { format!("stream 1: {told}") } else { told.into() };
            assert_refused(&claims.chunk(&[]), ErrorKind::Corrupt, &told);
        }
    }
}

#[test]
fn lengths_that_overflow_or_are_not_spelt_out_are_refused() {
    let lengths = |values: &[u64]| {
        let mut rest = Vec::new();
        column(values, &mut rest);
        Claims { rest, ..framed(I32, 0x10) }
    };
    assert_refused(
        &lengths(&[1 << 63]).chunk(&[]),
        ErrorKind::TooLarge,
        "frames of more than 2^64",
    );
    let most = [u64::MAX, 0, 0, 0, 0, 1];
    assert_refused(&lengths(&most).chunk(&[]), ErrorKind::TooLarge, "frames of more than 2^64");
    let most = [u64::MAX - 3, 0, 0, 0, 0, 0];
    assert_refused(&lengths(&most).chunk(&[]), ErrorKind::TooLarge, "a payload of");
    // Low bits behind frames whose lengths alone do not overflow.
    let mut split = lengths(&[u64::MAX, 0, 0, 0, 0, 0]);
    (split.columns[KIND], split.columns[DETAIL]) = (vec![0x20], vec![1]);
    assert_refused(&split.chunk(&[]), ErrorKind::TooLarge, "more than 2^64 bytes");
    let mut spans = lengths(&[u64::MAX, 0, 0, 0, 0, 0]);
    spans.columns[EXCEPTIONS] = vec![1];
    spans.rest.extend([0, 1]);
    assert_refused(&spans.chunk(&[]), ErrorKind::TooLarge, "more than 2^64 bytes");
    spans.rest.truncate(spans.rest.len() - 2);
    column(&[u64::MAX, 1], &mut spans.rest);
    let told = "exception blocks of more than 2^64";
    assert_refused(&spans.chunk(&[]), ErrorKind::TooLarge, told);
    // As many frames, or blocks of exceptions, as may have one length for all, and one more.
    for (length, told) in
        [(65_536 * 16, None), (65_536 * 16 + 1, Some("one length for 65537 frames"))]
    {
        let mut many = Claims { shape: [1, length, 1], ..framed(I8, 0x10) };
        many.columns[BLOCK] = vec![16];
        match told {
            None => assert!(Head::parse(&many.chunk(&[])).is_ok()),
            Some(told) => assert_refused(&many.chunk(&[]), ErrorKind::Corrupt, told),
        }
    }
    for (blocks, told) in [(65_536, None), (65_537, Some("one length for 65537 exception blocks"))]
    {
        let mut many = Claims { shape: [1, blocks << 16, 1], rest: vec![0, 0], ..constant(I8) };
        many.columns[EXCEPTIONS] = vec![1];
        match told {
            None => assert!(Head::parse(&many.chunk(&[])).is_ok()),
            Some(told) => assert_refused(&many.chunk(&[]), ErrorKind::Corrupt, told),
        }
    }
    let mut anchors = framed(I64, 0x30);
    anchors.rest = vec![0; 5];
    assert_refused(&anchors.chunk(&[]), ErrorKind::Truncated, "6 anchors in 5 bytes");
}

#[test]
fn millions_of_empty_streams_cost_nothing_until_they_are_wanted() {
    for shape in [[1 << 40, 1, 1], [1, 1, 1 << 40], [1 << 20, 1 << 20, 1]] {
        let bytes = Claims { shape, ..constant(I32) }.chunk(&[]);
        let head = Head::parse(&bytes).unwrap();
        assert_eq!(head.raw_len(), 4 << 40);
        let error = decompress(&bytes, 1 << 30, &Options::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
    }
}

#[test]
fn a_payload_ends_where_the_head_says() {
    let mut claims = framed(I8, 0x10);
    claims.rest = vec![0, 20];
    for (bytes, kind) in [(119, ErrorKind::Truncated), (121, ErrorKind::Corrupt)] {
        let error = decompress(&claims.chunk(&vec![0; bytes]), 200, &UNVERIFIED).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
    }
}

#[test]
fn samples_outside_their_type_are_refused() {
    let of = |code: u8, n: i64, exceptions: &[u8]| {
        let mut claims = constant(code);
        claims.columns[1] = vec![zigzag(n)];
        if !exceptions.is_empty() {
            claims.columns[EXCEPTIONS] = vec![1];
            claims.rest = vec![0, exceptions.len() as u8];
        }
        decompress(&claims.chunk(&exceptions.repeat(2)), 1600, &VERIFIED)
    };
    // Type code, and its least and largest.
    let cases = [
        (0, i8::MIN.into(), i8::MAX.into()),
        (1, 0, u8::MAX.into()),
        (1 << 2, i16::MIN.into(), i16::MAX.into()),
        (1 | 1 << 2, 0, u16::MAX.into()),
        (2 << 2, i32::MIN.into(), i32::MAX.into()),
        (1 | 2 << 2, 0, u32::MAX.into()),
        (2 | 1 << 2, i16::MIN.into(), i16::MAX.into()),
        (2 | 2 << 2, i32::MIN.into(), i32::MAX.into()),
    ];
    // All samples are the exception 0.
    let mut all = vec![0];
    varint(99 << 2, &mut all);
    all.extend(crc32fast::hash(&all).to_le_bytes());
    for (code, least, most) in cases {
        assert!(of(code, least, &[]).is_ok() && of(code, most, &[]).is_ok(), "code {code:#x}");
        for n in [least - 1, most + 1, i64::MIN, i64::MAX] {
            let error = of(code, n, &[]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt);
            assert!(error.to_string().contains("a sample outside the range of"), "{error}");
            // Under an exception it means nothing.
            let zeros = of(code, n, &all).unwrap();
            assert!(zeros.iter().all(|&byte| byte == 0), "code {code:#x}");
        }
    }
}

#[test]
fn integers_outside_their_type_are_refused_in_every_form() {
    // k from 0 to 19, with low bits of 0 where those are apart.
    let k: Vec<i32> = (0..20).collect();
    for (form, detail) in [(1, 0), (2, 2), (3, zigzag(1))] {
        let x: Vec<i32> = match form {
            1 => k.clone(),
            2 => k.iter().map(|k| k >> 2).collect(),
            _ => vec![0; 20],
        };
        let mut payload = Vec::new();
        let length = Encoder::new(5).encode(&x, 9, 20, 0, &mut payload);
        if form == 2 {
            let low = [0b1110_0100; 5];
            payload.extend_from_slice(&low);
            payload.extend(crc32fast::hash(&low).to_le_bytes());
        }
        let rest: &[u8] = if form == 3 { &[0, 0, length as u8] } else { &[0, length as u8] };
        let of = |offset: i64| {
            let columns = [form << 4, zigzag(offset), 1, 9, 20, detail, 0, 0, 0, 0];
            let chunk = Claims::new(I8, [1, 20, 1], columns, rest).chunk(&payload);
            let last = Selection { streams: None, samples: 19..20 };
            let part = decompress_streams(&chunk, &last, 1, &VERIFIED);
            let fits = i8::try_from(offset.wrapping_add(19)).is_ok();
            assert_eq!(part.is_ok(), fits, "form {form}, offset {offset}");
            decompress(&chunk, 20, &VERIFIED)
        };
        assert_eq!(of(108), Ok((108..128).collect()), "form {form}");
        assert!(of(-128).is_ok(), "form {form}");
        for offset in [109, -129, 300, i64::MAX, i64::MIN] {
            let error = of(offset).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "form {form}");
            assert!(error.to_string().contains("a sample outside the range of i8"), "{error}");
        }
    }
}

#[test]
fn exceptions_that_break_their_promise_are_refused() {
    const LENGTH: u64 = 66_000;
    const SPAN: u64 = 65_536;
    let decoded = |first: &[u8], second: &[u8]| {
        let mut claims = Claims::new(1 << 2, [1, LENGTH, 1], [0, 14, 1, 0, 0, 0, 0, 0, 0, 1], &[]);
        column(&[first.len() as u64, second.len() as u64], &mut claims.rest);
        decompress(&claims.chunk(&[first, second].concat()), 2 * LENGTH as usize, &VERIFIED)
    };
    let block = |fields: &[u64], values: &[u8]| {
        let mut block = Vec::new();
        fields.iter().for_each(|&field| varint(field, &mut block));
        block.extend_from_slice(values);
        block.extend(crc32fast::hash(&block).to_le_bytes());
        block
    };
    let run = |samples: u64, kind: u64| (samples - 1) << 2 | kind;
    // The value before is 0; a new one; one for each.
    let good = block(&[1, run(2, 0), 3, run(SPAN - 6, 0)], &[]);
    assert!(decoded(&good, &block(&[463, run(1, 1)], &[5, 0])).is_ok());
    assert!(decoded(&[], &block(&[0, run(2, 2)], &[5, 0, 6, 0])).is_ok());
    let past = "past the span's end";
    let cases = [
        (block(&[SPAN, run(1, 0)], &[]), past),
        (block(&[SPAN - 1, run(2, 0)], &[]), past),
        (block(&[0, run(SPAN + 1, 0)], &[]), past),
        (block(&[0, run(SPAN, 0), 0, run(1, 0)], &[]), past),
        (block(&[u64::MAX, run(1, 0)], &[]), past),
        (block(&[1, run(1, 0), u64::MAX - 1, run(1, 0)], &[]), past),
        (block(&[0, u64::MAX - 3], &[]), past),
        (block(&[0, run(1, 3)], &[1, 0]), "exceptions of kind 3"),
        (block(&[0, run(1, 1)], &[1]), "1 bytes left where 2 belong"),
        (block(&[0, run(3, 2)], &[1, 0, 2, 0]), "0 bytes left where 2 belong"),
        (block(&[7], &[]), "0 bytes left where 1 belong"),
        (block(&[], &[0x80]), "0 bytes left where 1 belong"),
        (vec![1, 2, 3], "exceptions of under 4 bytes"),
    ];
    for (block, told) in &cases {
        let error = decoded(block, &[]).expect_err(told).to_string();
        assert!(error.starts_with("stream 0: ") && error.contains(told), "{error}; {told}");
    }
    // The second block has but the rest of the stream.
    let error = decoded(&[], &block(&[464, run(1, 0)], &[])).unwrap_err().to_string();
    assert!(error.contains(past), "{error}");
}

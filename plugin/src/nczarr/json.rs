//! Parameters as Zarr's metadata hold them: the arguments of Python's `h5flac.Flac` in JSON.
//!
//! | key | value |
//! |---|---|
//! | `id` | `"h5flac"` |
//! | `level` | integer |
//! | `quanta` | number, or a string that is a decimal: `0.01`, `"0.001"` |
//! | `precision` | integer |
//! | `noise` | number |
//! | `axis` | -1, the last, to -256 |
//! | `dither` | boolean |
//!
//! All but `id` may be absent or null, and have then their default; [`write`] leaves them out.

use super::CODEC_ID;
use h5flac::{Error, Mode, Params, Result};
use hifijson::{SliceLexer, token::Lex, value};
use std::fmt::Display;

type Value<'a> = value::Value<&'a str, std::borrow::Cow<'a, str>>;

const KEYS: [&str; 7] = ["id", "level", "quanta", "precision", "noise", "axis", "dither"];

/// The object and the values in it: no parameter is nested deeper.
const MOST_DEPTH: usize = 2;

/// Largest power of ten in a decimal quanta.
const MOST_POWER: i64 = 22;

/// Parameters as a codec's JSON.
pub fn write(params: &Params) -> String {
    let mut json = format!("{{\"id\": \"{CODEC_ID}\"");
    let mut add = |key: &str, value: &dyn Display| json += &format!(", \"{key}\": {value}");
    if params.level != Params::default().level {
        add("level", &params.level);
    }
    // Debug prints the shortest digits that read back as the same double, with an exponent where
    // there would be many zeros.
    match params.mode {
        Mode::Lossless => {}
        Mode::Quanta(q) => add("quanta", &format_args!("{q:?}")),
        Mode::Decimal { numerator, power } => {
            add("quanta", &format_args!("\"{}\"", decimal(numerator, power)));
        }
        Mode::Precision(digits) => add("precision", &digits),
        Mode::Noise(q) => add("noise", &format_args!("{q:?}")),
    }
    if params.axis != 0 {
        add("axis", &(-1 - i64::from(params.axis)));
    }
    if params.dither {
        add("dither", &true);
    }
    json + "}"
}

/// numerator / 10^power, with all its digits.
fn decimal(numerator: u32, power: u32) -> String {
    let power = power as usize;
    let digits = format!("{numerator:0>width$}", width = power + 1);
    match digits.split_at(digits.len() - power) {
        (whole, "") => whole.to_owned(),
        (whole, fraction) => format!("{whole}.{fraction}"),
    }
}

/// Reads a codec's JSON.
///
/// # Errors
/// `InvalidArgument` for what is not JSON, and for keys and values that have no meaning here.
pub fn parse(json: &[u8]) -> Result<Params> {
    let value: Value = SliceLexer::new(json)
        .exactly_one(Lex::ws_peek, |next, lexer| value::parse_bounded(MOST_DEPTH, next, lexer))
        .map_err(|e| Error::invalid(format!("the codec is not JSON as h5flac writes it: {e}")))?;
    let Value::Object(entries) = value else {
        return Err(Error::invalid(format!("the codec is {value}; it must be an object in {{}}")));
    };
    for (i, (key, _)) in entries.iter().enumerate() {
        if !KEYS.contains(&key.as_ref()) {
            return Err(Error::invalid(format!(
                "unknown key {key:?}; known are {}: mend it, or install a later h5flac",
                KEYS.join(", ")
            )));
        }
        if entries[..i].iter().any(|(earlier, _)| earlier == key) {
            return Err(Error::invalid(format!(
                "{key} is there twice; keep the one that is meant"
            )));
        }
    }
    let given = |key: &str| {
        entries.iter().find(|(k, v)| k == key && !matches!(v, Value::Null)).map(|(_, v)| v)
    };
    match given("id") {
        Some(Value::String(id)) if id == CODEC_ID => {}
        Some(other) => return Err(wrong("id", other, &format!("{CODEC_ID:?}"))),
        None => return Err(Error::invalid(format!("no id; it must be {CODEC_ID:?}"))),
    }
    let modes: Vec<(&str, &Value)> = ["quanta", "precision", "noise"]
        .into_iter()
        .filter_map(|key| given(key).map(|value| (key, value)))
        .collect();
    let mode = match modes[..] {
        [] => Mode::Lossless,
        [("quanta", Value::String(text))] => quanta(text)?,
        [("quanta", value)] => {
            Mode::Quanta(real("quanta", value, "a number, or a decimal such as \"0.001\"")?)
        }
        [("precision", value)] => Mode::Precision(integer("precision", value, 1, 17)? as u32),
        [(_, value)] => Mode::Noise(real("noise", value, "a number")?),
        [(first, _), (second, _), ..] => {
            return Err(Error::invalid(format!(
                "both {first} and {second} are given; one of them sets the step"
            )));
        }
    };
    let mut params = Params { mode, ..Params::default() };
    if let Some(value) = given("level") {
        params.level = integer("level", value, 0, 8)? as u32;
    }
    if let Some(value) = given("axis") {
        params.axis = (-1 - integer("axis", value, -256, -1)?) as u32;
    }
    match given("dither") {
        None => {}
        Some(Value::Bool(dither)) => params.dither = *dither,
        Some(other) => return Err(wrong("dither", other, "true or false")),
    }
    params.check()?;
    Ok(params)
}

fn wrong(key: &str, value: &Value, wanted: &str) -> Error {
    Error::invalid(format!("{key} is {value}; it must be {wanted}"))
}

fn integer(key: &str, value: &Value, least: i64, most: i64) -> Result<i64> {
    match value {
        Value::Number((digits, _)) => digits.parse().ok(),
        _ => None,
    }
    .filter(|n| (least..=most).contains(n))
    .ok_or_else(|| wrong(key, value, &format!("an integer from {least} to {most}")))
}

fn real(key: &str, value: &Value, wanted: &str) -> Result<f64> {
    match value {
        Value::Number((digits, _)) => digits.parse().ok(),
        _ => None,
    }
    .ok_or_else(|| wrong(key, value, wanted))
}

/// A decimal quanta, as numerator / 10^power in lowest powers: what Python makes of the same string.
fn quanta(text: &str) -> Result<Mode> {
    let fits = || {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
            None => (text, 0),
        };
        let mantissa = mantissa.strip_prefix('+').unwrap_or(mantissa);
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}");
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let significant = digits.trim_end_matches('0');
        let zeros = (digits.len() - significant.len()) as i64;
        // Below 0 where digits stand behind the point.
        let shift = exponent.checked_sub(fraction.len() as i64)?.checked_add(zeros)?;
        let numerator: u32 = significant.parse().ok()?;
        if shift > 0 {
            let factor = 10u32.checked_pow(u32::try_from(shift).ok()?)?;
            return Some(Mode::Decimal { numerator: numerator.checked_mul(factor)?, power: 0 });
        }
        (shift >= -MOST_POWER).then_some(Mode::Decimal { numerator, power: -shift as u32 })
    };
    fits().ok_or_else(|| {
        Error::invalid(format!(
            "quanta is {text:?}; as a string it is a decimal above 0, n/10^p with n below 2^32 and \
             p up to {MOST_POWER}, such as \"0.001\"; else write a number"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Result<Params> {
        parse(text.as_bytes())
    }

    #[test]
    fn every_parameter_comes_back() {
        let modes = [
            (Mode::Lossless, ""),
            (Mode::Quanta(0.01), ", \"quanta\": 0.01"),
            (Mode::Quanta(1.0 / 3.0), ", \"quanta\": 0.3333333333333333"),
            (Mode::Quanta(1e-300), ", \"quanta\": 1e-300"),
            (Mode::Quanta(f64::MAX), ", \"quanta\": 1.7976931348623157e308"),
            (Mode::Decimal { numerator: 1, power: 3 }, ", \"quanta\": \"0.001\""),
            (Mode::Decimal { numerator: 25, power: 1 }, ", \"quanta\": \"2.5\""),
            (Mode::Decimal { numerator: 40, power: 0 }, ", \"quanta\": \"40\""),
            (
                Mode::Decimal { numerator: u32::MAX, power: 22 },
                ", \"quanta\": \"0.0000000000004294967295\"",
            ),
            (Mode::Precision(4), ", \"precision\": 4"),
            (Mode::Noise(16.0), ", \"noise\": 16.0"),
        ];
        for (mode, expected) in modes {
            let params = Params { mode, ..Params::default() };
            let text = write(&params);
            assert_eq!(text, format!("{{\"id\": \"h5flac\"{expected}}}"));
            assert_eq!(json(&text), Ok(params));
        }
        let params = Params { level: 8, mode: Mode::Noise(4.5), axis: 255, dither: true };
        let text =
            "{\"id\": \"h5flac\", \"level\": 8, \"noise\": 4.5, \"axis\": -256, \"dither\": true}";
        assert_eq!(write(&params), text);
        assert_eq!(json(text), Ok(params));
    }

    #[test]
    fn what_others_write_means_the_same() {
        let default = Ok(Params::default());
        let nulls = "{\"id\":\"h5flac\",\"level\":null,\"quanta\":null,\"precision\":null,\
             \"noise\":null,\"axis\":null,\"dither\":null}";
        assert_eq!(json(nulls), default);
        assert_eq!(json(" { \"axis\" : -1,\n\"id\": \"h5\\u0066lac\"} "), default);
        let mode = |value: &str| {
            json(&format!("{{\"quanta\": {value}, \"id\": \"h5flac\"}}")).map(|p| p.mode)
        };
        assert_eq!(mode("2"), Ok(Mode::Quanta(2.0)));
        assert_eq!(mode("1e-05"), Ok(Mode::Quanta(1e-5)));
        for (text, numerator, power) in [
            ("0.10", 1, 1),
            ("1E-3", 1, 3),
            ("+2.50e1", 25, 0),
            ("3e2", 300, 0),
            ("4000000000", 4_000_000_000, 0),
            (".5", 5, 1),
            ("5.", 5, 0),
            ("10000000000000000000000000e-26", 1, 1),
        ] {
            assert_eq!(
                mode(&format!("{text:?}")),
                Ok(Mode::Decimal { numerator, power }),
                "{text}"
            );
        }
    }

    #[test]
    fn what_has_no_meaning_is_named_with_what_has() {
        for (text, expected) in [
            ("", "not JSON"),
            ("{\"id\": \"h5flac\"", "not JSON"),
            ("{\"id\": \"h5flac\"} {}", "not JSON"),
            ("{\"id\": \"h5flac\", \"quanta\": NaN}", "not JSON"),
            ("{\"id\": \"h5flac\", \"level\": [[[]]]}", "maximal depth"),
            ("[]", "the codec is []; it must be an object"),
            ("{}", "no id; it must be \"h5flac\""),
            ("{\"id\": \"zlib\"}", "id is \"zlib\"; it must be \"h5flac\""),
            ("{\"id\": \"h5flac\", \"levle\": 5}", "unknown key \"levle\"; known are id, level"),
            ("{\"id\": \"h5flac\", \"level\": 5, \"level\": 6}", "level is there twice"),
            ("{\"id\": \"h5flac\", \"level\": 9}", "level is 9; it must be an integer from 0 to 8"),
            ("{\"id\": \"h5flac\", \"level\": 5.0}", "level is 5.0; it must be an integer"),
            ("{\"id\": \"h5flac\", \"level\": \"5\"}", "level is \"5\"; it must be an integer"),
            (
                "{\"id\": \"h5flac\", \"precision\": 0}",
                "precision is 0; it must be an integer from 1",
            ),
            (
                "{\"id\": \"h5flac\", \"axis\": 0}",
                "axis is 0; it must be an integer from -256 to -1",
            ),
            ("{\"id\": \"h5flac\", \"axis\": -257}", "axis is -257"),
            ("{\"id\": \"h5flac\", \"dither\": 1}", "dither is 1; it must be true or false"),
            ("{\"id\": \"h5flac\", \"dither\": true}", "dither (bit 8 of word 4) goes with"),
            ("{\"id\": \"h5flac\", \"quanta\": true}", "quanta is true; it must be a number, or"),
            ("{\"id\": \"h5flac\", \"quanta\": 0}", "quanta is 0; it must be finite and above 0"),
            ("{\"id\": \"h5flac\", \"quanta\": -0.5}", "quanta is -0.5"),
            ("{\"id\": \"h5flac\", \"quanta\": 1e999}", "quanta is inf"),
            ("{\"id\": \"h5flac\", \"noise\": \"4\"}", "noise is \"4\"; it must be a number"),
            (
                "{\"id\": \"h5flac\", \"noise\": 4, \"quanta\": 1}",
                "both quanta and noise are given",
            ),
        ] {
            let told = json(text).unwrap_err().to_string();
            assert!(told.contains(expected), "{text}: {told}");
        }
        for text in [
            "",
            ".",
            "0",
            "0.000",
            "-1",
            "1,5",
            "1 ",
            "0x1",
            "inf",
            "1e",
            "1e1e1",
            "4294967296",
            "1e10",
            "1e-23",
            "1e99999999999999999999",
            "1e9223372036854775807",
            "0.1e-9223372036854775808",
        ] {
            let told = json(&format!("{{\"id\": \"h5flac\", \"quanta\": {text:?}}}"));
            let told = told.unwrap_err().to_string();
            assert!(told.starts_with(&format!("quanta is {text:?}; as a string")), "{told}");
        }
    }
}

//! What the user asks for, and its five-word form in an HDF5 filter pipeline.
//!
//! | word | meaning |
//! |---|---|
//! | 0 | level 0–8, default 5: effort, never loss |
//! | 1 | mode: 0 lossless, 1 quanta, 2 decimal quanta, 3 precision, 4 noise |
//! | 2, 3 | mode 1, 4: an f64's bits, low word first · mode 2: numerator, power of ten · mode 3: digits |
//! | 4 | bits 0–7 stream axis counted from the last, bit 8 subtractive dither |

use crate::error::{Error, Result};

/// How float streams become integers. Integer types are lossless whatever the mode.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Mode {
    /// Every bit comes back.
    #[default]
    Lossless,
    /// Quantization step, in the unit of the data: |error| ≤ quanta/2.
    Quanta(f64),
    /// Quantization step `numerator`·10^−`power`; values decode as (n·numerator)/10^power.
    Decimal {
        /// Numerator, at least 1.
        numerator: u32,
        /// Power of ten, 0 to 22.
        power: u32,
    },
    /// quanta = std(stream)/10^digits, over finite samples that are not fill.
    Precision(u32),
    /// quanta = sigma_noise/q, sigma_noise from third-order differences (Pence et al. 2009).
    Noise(f64),
}

/// What the user asks of the encoder.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Params {
    /// Effort, 0 to 8.
    pub level: u32,
    /// Quantization of floats.
    pub mode: Mode,
    /// Stream axis counted from the last: 0 is the last axis.
    pub axis: u32,
    /// Subtractive dither; modes quanta, precision and noise only.
    pub dither: bool,
}

impl Default for Params {
    fn default() -> Self {
        Params { level: 5, mode: Mode::Lossless, axis: 0, dither: false }
    }
}

/// Number of words in the user's part of cd_values.
pub const USER_WORDS: usize = 5;

const DITHER_BIT: u32 = 1 << 8;

impl Params {
    /// Reads the user's words; missing trailing words take their defaults.
    ///
    /// # Errors
    /// `InvalidArgument` naming the word, what it holds and what it may hold.
    pub fn from_words(words: &[u32]) -> Result<Self> {
        if words.len() > USER_WORDS {
            return Err(Error::invalid(format!(
                "{} parameter words, but at most {USER_WORDS} have a meaning; drop the rest",
                words.len()
            )));
        }
        let word = |i: usize, default| words.get(i).copied().unwrap_or(default);
        let mode = match word(1, 0) {
            0 => {
                if word(2, 0) != 0 || word(3, 0) != 0 {
                    return Err(Error::invalid(format!(
                        "lossless mode takes no argument, but words 2 and 3 are {} and {}; \
                         set both to 0, or word 1 to the mode you mean",
                        word(2, 0),
                        word(3, 0)
                    )));
                }
                Mode::Lossless
            }
            1 => Mode::Quanta(f64_from_words(word(2, 0), word(3, 0))),
            2 => Mode::Decimal { numerator: word(2, 0), power: word(3, 0) },
            3 => {
                if word(3, 0) != 0 {
                    return Err(Error::invalid(format!(
                        "word 3 is {} in precision mode; it must be 0",
                        word(3, 0)
                    )));
                }
                Mode::Precision(word(2, 0))
            }
            4 => Mode::Noise(f64_from_words(word(2, 0), word(3, 0))),
            other => {
                return Err(Error::invalid(format!(
                    "unknown mode {other} in word 1; known are 0 lossless, 1 quanta, \
                     2 decimal quanta, 3 precision, 4 noise"
                )));
            }
        };
        let options = word(4, 0);
        if options & !(DITHER_BIT | 0xff) != 0 {
            return Err(Error::invalid(format!(
                "unknown option bits {:#x} in word 4; known are 0xff (stream axis) and 0x100 \
                 (dither)",
                options & !(DITHER_BIT | 0xff)
            )));
        }
        let params = Params {
            level: word(0, 5),
            mode,
            axis: options & 0xff,
            dither: options & DITHER_BIT != 0,
        };
        params.check()?;
        Ok(params)
    }

    /// The user's words in full.
    pub fn to_words(&self) -> [u32; USER_WORDS] {
        let (mode, a, b) = match self.mode {
            Mode::Lossless => (0, 0, 0),
            Mode::Quanta(q) => (1, q.to_bits() as u32, (q.to_bits() >> 32) as u32),
            Mode::Decimal { numerator, power } => (2, numerator, power),
            Mode::Precision(digits) => (3, digits, 0),
            Mode::Noise(q) => (4, q.to_bits() as u32, (q.to_bits() >> 32) as u32),
        };
        [self.level, mode, a, b, self.axis | if self.dither { DITHER_BIT } else { 0 }]
    }

    /// Checks every value's range.
    ///
    /// # Errors
    /// `InvalidArgument` naming the value found and the values allowed.
    pub fn check(&self) -> Result<()> {
        if self.level > 8 {
            return Err(Error::invalid(format!("level {} in word 0; use 0 to 8", self.level)));
        }
        if self.axis > 0xff {
            return Err(Error::invalid(format!("stream axis {}; use 0 to 255", self.axis)));
        }
        let step = |name: &str, x: f64| {
            if is_step(x) {
                return Ok(());
            }
            Err(Error::invalid(format!(
                "{}, and is passed as the 64 bits of a double in words 2 (low) and 3 (high)",
                not_a_step(name, x)
            )))
        };
        match self.mode {
            Mode::Lossless => {}
            Mode::Quanta(q) => step("quanta", q)?,
            Mode::Noise(q) => step("noise divisor q", q)?,
            Mode::Decimal { numerator, power } => {
                if numerator == 0 || power > 22 {
                    return Err(Error::invalid(format!(
                        "decimal quanta {numerator}·10^-{power}; the numerator (word 2) must be \
                         at least 1 and the power (word 3) 0 to 22"
                    )));
                }
            }
            Mode::Precision(digits) => {
                if !(1..=17).contains(&digits) {
                    return Err(Error::invalid(format!(
                        "precision of {digits} decimal digits in word 2; use 1 to 17"
                    )));
                }
            }
        }
        if self.dither && matches!(self.mode, Mode::Lossless | Mode::Decimal { .. }) {
            return Err(Error::invalid(
                "dither (bit 8 of word 4) goes with modes quanta, precision and noise only",
            ));
        }
        Ok(())
    }
}

/// Whether a number can be a quantization step: positive, finite, and not so small that it has
/// lost bits.
pub(crate) fn is_step(x: f64) -> bool {
    x.is_normal() && x > 0.0
}

/// What to say of a number that cannot be one.
pub(crate) fn not_a_step(name: &str, x: f64) -> String {
    if x.is_subnormal() && x > 0.0 {
        return format!("{name} is {x:e}; it must be at least {:e}", f64::MIN_POSITIVE);
    }
    format!("{name} is {x}; it must be finite and above 0")
}

fn f64_from_words(low: u32, high: u32) -> f64 {
    f64::from_bits(u64::from(high) << 32 | u64::from(low))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_back_as_they_were_meant() {
        for mode in [
            Mode::Lossless,
            Mode::Quanta(0.1),
            Mode::Decimal { numerator: 25, power: 3 },
            Mode::Precision(4),
            Mode::Noise(16.0),
        ] {
            let params = Params { level: 8, mode, axis: 2, dither: false };
            assert_eq!(Params::from_words(&params.to_words()), Ok(params));
        }
        let dithered = Params { mode: Mode::Quanta(0.5), dither: true, ..Params::default() };
        assert_eq!(Params::from_words(&dithered.to_words()), Ok(dithered));
    }

    #[test]
    fn missing_words_take_their_defaults() {
        assert_eq!(Params::from_words(&[]), Ok(Params::default()));
        assert_eq!(Params::from_words(&[3]).map(|p| p.level), Ok(3));
    }

    #[test]
    fn every_unknown_value_is_named_with_what_is_allowed() {
        let nan = f64::NAN.to_bits();
        let cases: [(&[u32], &str); 11] = [
            (&[9], "level 9 in word 0; use 0 to 8"),
            (&[5, 7], "unknown mode 7"),
            (&[5, 0, 1], "lossless mode takes no argument"),
            (&[5, 1], "quanta is 0; it must be finite and above 0"),
            (
                &[5, 1, 1],
                "quanta is 5e-324; it must be at least 2.2250738585072014e-308, and is passed as",
            ),
            (&[5, 1, nan as u32, (nan >> 32) as u32], "quanta is NaN"),
            (&[5, 2, 1, 23], "the power (word 3) 0 to 22"),
            (&[5, 3, 0], "precision of 0 decimal digits"),
            (&[5, 0, 0, 0, 0x100], "dither"),
            (&[5, 0, 0, 0, 0x200], "unknown option bits 0x200"),
            (&[5, 0, 0, 0, 0, 0], "6 parameter words"),
        ];
        for (words, expected) in cases {
            let message = Params::from_words(words).unwrap_err().to_string();
            assert!(message.contains(expected), "{words:?}: {message}");
        }
    }
}

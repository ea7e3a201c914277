//! The one error type: what was found, what was expected, and where.

use std::fmt;

/// What went wrong, coarse enough to branch on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A parameter, shape or selection that the caller passed makes no sense.
    InvalidArgument,
    /// Well formed, but not something this version can do.
    Unsupported,
    /// Stored bytes that contradict themselves or their checksum.
    Corrupt,
    /// Stored bytes that end before what they promise.
    Truncated,
    /// A size that overflows, or memory that could not be had.
    TooLarge,
    /// The system could not read what is stored.
    Io,
}

/// An error with the path to the part of the data it concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    within: Vec<String>,
}

/// Result with this crate's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Creates an error; `message` is lower case and says what was found and what was expected.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error { kind, message: message.into(), within: Vec::new() }
    }

    /// A parameter, shape or selection that the caller got wrong.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidArgument, message)
    }

    /// Something this version cannot do.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unsupported, message)
    }

    /// Stored bytes that contradict themselves.
    pub fn corrupt(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Corrupt, message)
    }

    /// Stored bytes that end too early.
    pub fn truncated(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Truncated, message)
    }

    /// A size that overflows or memory that could not be had.
    pub fn too_large(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::TooLarge, message)
    }

    /// Adds an outer step to the path, so that messages read "stream 12: frame 3: …".
    #[must_use]
    pub fn within(mut self, place: impl Into<String>) -> Self {
        self.within.push(place.into());
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for place in self.within.iter().rev() {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

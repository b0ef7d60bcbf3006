// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can go wrong, with the library's own sentence.

use std::fmt;

use crate::{sys, text};

/// The result of everything that can fail.
pub type Result<T> = std::result::Result<T, Error>;

/// A failed call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    status: Status,
    message: String,
}

/// What kind of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Status {
    /// An argument is out of its range.
    InvalidArgument,
    /// Of the host or the device; the handle still works.
    OutOfMemory,
    /// The system could not read or write.
    Io,
    /// A file or a name does not exist.
    NotFound,
    /// A file breaks the rules of its format.
    BadFormat,
    /// Understood, but of a kind that is not supported.
    Unsupported,
    /// Larger than a documented limit.
    Limit,
    /// A program that nobody has vouched for.
    Untrusted,
    /// The tensor backend is missing or does not fit.
    Backend,
    /// Every later call on the device fails.
    DeviceLost,
    /// Stopped by a [`Cancel`](crate::Cancel) or a progress closure.
    Cancelled,
    /// Somebody else is using it.
    Busy,
    /// Two inputs do not belong together.
    Mismatch,
    /// A defect in the library.
    Internal,
    /// Of a newer library.
    Other(u32),
}

impl Error {
    /// What kind of failure.
    pub fn status(&self) -> Status {
        self.status
    }

    /// What happened, in a sentence.
    pub fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self { status: Status::InvalidArgument, message: message.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl Status {
    fn from_raw(status: sys::dgxp_status) -> Self {
        match status {
            sys::DGXP_ERR_INVALID_ARGUMENT => Self::InvalidArgument,
            sys::DGXP_ERR_OUT_OF_MEMORY => Self::OutOfMemory,
            sys::DGXP_ERR_IO => Self::Io,
            sys::DGXP_ERR_NOT_FOUND => Self::NotFound,
            sys::DGXP_ERR_BAD_FORMAT => Self::BadFormat,
            sys::DGXP_ERR_UNSUPPORTED => Self::Unsupported,
            sys::DGXP_ERR_LIMIT => Self::Limit,
            sys::DGXP_ERR_UNTRUSTED => Self::Untrusted,
            sys::DGXP_ERR_BACKEND => Self::Backend,
            sys::DGXP_ERR_DEVICE_LOST => Self::DeviceLost,
            sys::DGXP_ERR_CANCELLED => Self::Cancelled,
            sys::DGXP_ERR_BUSY => Self::Busy,
            sys::DGXP_ERR_MISMATCH => Self::Mismatch,
            sys::DGXP_ERR_INTERNAL => Self::Internal,
            other => Self::Other(other),
        }
    }
}

/// The thread's last error is read at once, before another call replaces it.
pub(crate) fn check(status: sys::dgxp_status) -> Result<()> {
    if status == sys::DGXP_OK {
        return Ok(());
    }
    // SAFETY: never NULL, ours until this thread's next call.
    let message = unsafe { text(sys::dgxp_last_error()) };
    Err(Error { status: Status::from_raw(status), message })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A status that the header has and this list has not would be `Other`.
    #[test]
    fn every_status_of_the_library_is_listed() {
        let count = unsafe { sys::dgxp_status_count() } as u32;
        assert!(count > 14);
        for status in 1..count {
            let name = unsafe { text(sys::dgxp_status_name(status)) };
            let ours: String = format!("{:?}", Status::from_raw(status)).to_lowercase();
            assert_eq!(ours, name.replace('-', ""));
        }
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Stops work from another thread.

use std::sync::Arc;

use crate::{Result, handle, sys};

handle!(
    /// The token itself.
    Token, dgxp_cancel, dgxp_cancel_free
);

/// Stops work from any thread: clones are one token, and one token may serve many calls.
///
/// ```
/// # fn main() -> dgx_pixels::Result<()> {
/// let cancel = dgx_pixels::Cancel::new()?;
/// let other = cancel.clone();
/// std::thread::spawn(move || other.fire()).join().unwrap();
/// assert!(cancel.fired());
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Cancel(Arc<Token>);

impl Cancel {
    /// One that has not been fired.
    pub fn new() -> Result<Self> {
        // SAFETY: the place for the handle is there.
        Ok(Self(Arc::new(Token::create(|out| unsafe { sys::dgxp_cancel_create(out) })?)))
    }

    /// Stop what uses it, now and later, until [`reset`](Self::reset).
    pub fn fire(&self) {
        // SAFETY: the header allows it from any thread, and from signal handlers.
        unsafe { sys::dgxp_cancel_fire(self.raw()) }
    }

    /// Make it as new.
    pub fn reset(&self) {
        // SAFETY: an atomic store.
        unsafe { sys::dgxp_cancel_reset(self.raw()) }
    }

    /// It has been fired.
    pub fn fired(&self) -> bool {
        // SAFETY: an atomic load.
        unsafe { sys::dgxp_cancel_fired(self.raw()) != 0 }
    }

    pub(crate) fn raw(&self) -> *mut sys::dgxp_cancel {
        self.0.raw()
    }
}

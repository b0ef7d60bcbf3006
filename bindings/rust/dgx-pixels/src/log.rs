// SPDX-License-Identifier: MIT OR Apache-2.0
//! The library's log lines.

use std::ffi::{c_char, c_void};
use std::panic::catch_unwind;

use crate::{c_enum, sys, text};

c_enum!(
    /// How much a log line matters.
    LogLevel {
        /// For who looks for a fault.
        Debug = DGXP_LOG_DEBUG,
        /// What was found and chosen.
        #[default]
        Info = DGXP_LOG_INFO,
        /// Something is other than it was asked for, and work went on.
        Warning = DGXP_LOG_WARNING,
    }
);

/// # Safety
/// `hook` is a function of [`set_log`]'s type, `line` a text.
unsafe extern "C" fn call(level: sys::dgxp_log_level, line: *const c_char, hook: *mut c_void) {
    // SAFETY: the caller's promise: set_log() gave a function of this type.
    let hook: fn(LogLevel, &str) = unsafe { std::mem::transmute(hook) };
    let (level, line) = (LogLevel::from_value(level.into()).unwrap_or_default(), unsafe { text(line) });
    drop(catch_unwind(|| hook(level, &line))); // must not cross C
}

/// Receive the library's log lines, from any of its threads, one at a time; `None` to stop.  A panic of `hook`
/// ends there.
pub fn set_log(hook: Option<fn(LogLevel, &str)>) {
    let callback: sys::dgxp_log_callback = if hook.is_some() { Some(call) } else { None };
    let data = hook.map_or(std::ptr::null_mut(), |hook| hook as *mut c_void);
    // SAFETY: a function lives as long as the program.
    unsafe { sys::dgxp_set_log_callback(callback, data) }
}

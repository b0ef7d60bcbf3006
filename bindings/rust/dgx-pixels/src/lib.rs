// SPDX-License-Identifier: MIT OR Apache-2.0
#![doc = include_str!("../README.md")]

mod autotile;
mod batch;
mod cancel;
mod error;
mod fix;
mod flow;
mod game;
mod generate;
mod image;
mod job;
mod log;
mod lora;
mod model;
mod motion;
mod palette;
mod settings;
mod sheet;
mod steps;

pub use autotile::{Autotile, Tileset};
pub use batch::{Batch, BatchOptions, BatchProgress};
pub use cancel::Cancel;
pub use error::{Error, Result, Status};
pub use fix::{Fix, Fixed};
pub use flow::{
    choices, describe_preset, load_workflow, palettes, parse_parameters, quality, random_seed, regen,
    run_workflow, set_limits, settings, slug, trust_program,
};
pub use game::{
    Ask, Build, Deploy, NoAnswer, describe_project, init_bevy, init_project, undo_deploy, upgrade,
};
pub use generate::{Generate, Painted, Phase, Progress};
pub use image::{Image, ImageRef, PngOptions};
pub use job::{Beside, Job, Preset};
pub use log::{LogLevel, set_log};
pub use lora::{Lora, LoraUse, list_loras};
pub use model::{
    Dtype, Model, ModelOptions, doctor, inspect, list_models, list_presets, resident_status, stop_resident,
    use_resident,
};
pub use motion::{Facing, Made, Motion, Moved, Normal, Recolor, list_motions};
pub use palette::{Dither, Histogram, Palette};
pub use settings::{Sampler, Schedule, Spacing, Tiling};
pub use sheet::{Align, Atlas, AtlasFormat, Cut, Direction, Pack, Place, Sheet, SheetFormat, Slice, Tag};
pub use steps::{
    Background, CellRule, Grid, GridHints, GridInfo, Matte, OutlineKind, Pivot, Trimmed, outline,
    remove_jaggies, remove_orphans, trim,
};

use std::ffi::{CStr, CString, c_char};
use std::path::Path;

use dgx_pixels_sys as sys;

/// The version of the library that runs, "0.1.0".
pub fn version() -> String {
    // SAFETY: a static text.
    unsafe { text(sys::dgxp_version_text()) }
}

/// A params struct with its size set and everything else at its default.
///
/// SAFETY of the zeros: these are plain C structs of numbers and pointers; the header says that zero
/// always means the default.
macro_rules! params {
    ($type:ident) => {{
        let mut params: $crate::sys::$type = unsafe { std::mem::zeroed() };
        params.struct_size = size_of::<$crate::sys::$type>() as u32;
        params
    }};
}

/// A type that owns a C handle and frees it.
macro_rules! handle {
    ($(#[$meta:meta])* $name:ident, $raw:ident, $free:ident) => {
        $(#[$meta])*
        #[derive(Debug)]
        pub struct $name(std::ptr::NonNull<$crate::sys::$raw>);

        impl Drop for $name {
            fn drop(&mut self) {
                // SAFETY: the handle is ours alone.
                unsafe { $crate::sys::$free(self.0.as_ptr()) }
            }
        }
        // SAFETY: a handle belongs to one thread at a time, not to a certain one.
        unsafe impl Send for $name {}
        // SAFETY: what takes `&self` calls functions on `const` handles, which threads may share.
        unsafe impl Sync for $name {}

        impl $name {
            /// Call a constructor with the place for its handle.
            #[allow(dead_code)]
            pub(crate) fn create(
                make: impl FnOnce(*mut *mut $crate::sys::$raw) -> $crate::sys::dgxp_status,
            ) -> $crate::Result<Self> {
                let mut raw = std::ptr::null_mut();
                $crate::error::check(make(&mut raw))?;
                Ok(Self(std::ptr::NonNull::new(raw).expect("a handle after success")))
            }

            #[allow(dead_code)]
            pub(crate) fn raw(&self) -> *mut $crate::sys::$raw {
                self.0.as_ptr()
            }
        }
    };
}

/// A Rust enum over integer constants of the header.
macro_rules! c_enum {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $value:ident),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum $name { $($(#[$doc])* $variant),+ }

        impl $name {
            #[allow(dead_code)]
            pub(crate) fn value(self) -> u32 {
                match self { $(Self::$variant => $crate::sys::$value),+ }
            }
            #[allow(dead_code)]
            pub(crate) fn from_value(value: i64) -> Option<Self> {
                $(if value == i64::from($crate::sys::$value) { return Some(Self::$variant); })+
                None
            }
        }
    };
}
pub(crate) use {c_enum, handle, params};

/// Copy a text that the library owns; NULL is empty.
///
/// # Safety
/// `text` is NULL or ends in NUL and lives during the call.
unsafe fn text(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

fn c_text(text: &str) -> Result<CString> {
    CString::new(text).map_err(|_| Error::invalid("a text holds a NUL character"))
}

/// Paths are given to the system as they are.
fn c_path(path: &Path) -> Result<CString> {
    use std::os::unix::ffi::OsStrExt;
    CString::new(path.as_os_str().as_bytes()).map_err(|_| Error::invalid("a path holds a NUL character"))
}

/// A size or count as the library takes it.
fn c_int(value: u32) -> Result<i32> {
    i32::try_from(value).map_err(|_| Error::invalid(format!("{value} is out of range")))
}

/// The JSON of a function that makes a document.
fn document(make: impl FnOnce(*mut *mut sys::dgxp_document) -> sys::dgxp_status) -> Result<String> {
    let mut raw = std::ptr::null_mut();
    let status = make(&mut raw);
    let result = error::check(status);
    // SAFETY: the document is ours, and may be there after a failure, too.
    let json = unsafe {
        let json = if raw.is_null() { String::new() } else { text(sys::dgxp_document_text(raw)) };
        sys::dgxp_document_free(raw);
        json
    };
    result.map(|()| json)
}

/// Copy bytes that the library made, and give them back.
fn bytes(make: impl FnOnce(*mut *mut u8, *mut usize) -> sys::dgxp_status) -> Result<Vec<u8>> {
    let (mut raw, mut size) = (std::ptr::null_mut(), 0);
    error::check(make(&mut raw, &mut size))?;
    if raw.is_null() {
        return Ok(Vec::new());
    }
    // SAFETY: `size` bytes at `raw` are ours until they are freed.
    unsafe {
        let copy = std::slice::from_raw_parts(raw, size).to_vec();
        sys::dgxp_bytes_free(raw);
        Ok(copy)
    }
}

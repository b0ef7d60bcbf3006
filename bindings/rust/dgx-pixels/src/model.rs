// SPDX-License-Identifier: MIT OR Apache-2.0
//! Models, and what can be learnt without one.

use std::path::Path;

use crate::error::check;
use crate::{Result, c_enum, c_int, c_path, c_text, document, handle, params, sys};

handle!(
    /// A model, opened and resident on one device.  Threads that paint with one model queue inside the
    /// library.  Nobody may truncate its files while it is open: they are mapped into memory.
    Model, dgxp_model, dgxp_model_free
);

c_enum!(
    /// In which numbers the model computes.
    Dtype {
        /// CUDA: the file's 16-bit type; CPU: bf16 with AMX, else fp32.
        #[default]
        Auto = DGXP_DTYPE_AUTO,
        /// 32 bits.
        F32 = DGXP_DTYPE_F32,
        /// bfloat16.
        Bf16 = DGXP_DTYPE_BF16,
        /// Half precision.
        F16 = DGXP_DTYPE_F16,
    }
);

/// How a model is opened.
#[derive(Debug, Default, Clone)]
pub struct ModelOptions {
    /// "cpu", "cuda", "cuda:1"; `None` = cuda when there is one, else cpu.
    pub device: Option<String>,
    /// In which numbers it computes.
    pub dtype: Dtype,
    /// CPU threads, 0 = all cores.
    pub threads: u32,
    /// Read the files but load nothing: enough for [`Model::describe`] and [`Job::describe`](crate::Job::describe).
    pub describe_only: bool,
}

impl Model {
    /// A single-file SDXL checkpoint, a diffusers folder, a bundle, or a name that [`list_models`] lists.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(Some(path.as_ref()), &ModelOptions::default())
    }

    /// The same with options; `None` is the default model, the starter.
    pub fn open_with(path: Option<&Path>, options: &ModelOptions) -> Result<Self> {
        let path = path.map(c_path).transpose()?;
        let device = options.device.as_deref().map(c_text).transpose()?;
        let mut params = params!(dgxp_model_params);
        params.dtype = options.dtype.value() as i32;
        params.threads = c_int(options.threads)?;
        params.describe_only = options.describe_only.into();
        params.device = device.as_ref().map_or(std::ptr::null(), |device| device.as_ptr());
        let path = path.as_ref().map_or(std::ptr::null(), |path| path.as_ptr());
        // SAFETY: texts live during the call.
        Self::create(|out| unsafe { sys::dgxp_model_open(path, &params, out) })
    }

    /// Name, kind, licence, device, canvas rules, memory …, JSON.
    pub fn describe(&self) -> Result<String> {
        // SAFETY: a live handle.
        document(|out| unsafe { sys::dgxp_model_describe(self.raw(), out) })
    }
}

/// What a file or folder is: checkpoint, diffusers folder, bundle, LoRA or PNG; JSON.
pub fn inspect(path: impl AsRef<Path>) -> Result<String> {
    let path = c_path(path.as_ref())?;
    // SAFETY: a text that lives during the call.
    document(|out| unsafe { sys::dgxp_inspect(path.as_ptr(), out) })
}

/// The models that are found by name, JSON.
pub fn list_models() -> Result<String> {
    // SAFETY: the place for the document is there, here and below.
    document(|out| unsafe { sys::dgxp_list_models(out) })
}

/// The presets that exist, JSON.
pub fn list_presets() -> Result<String> {
    document(|out| unsafe { sys::dgxp_list_presets(out) })
}

/// Where models that are opened from now on live: `off`, `auto` (in the resident engine when one runs), or how long
/// an engine that is started for them stays without work (`10m`, `90s`, `2h`). `None`: what the variable
/// `DGX_PIXELS_RESIDENT` says in the same words, else off. Pictures are the same.
pub fn use_resident(wish: Option<&str>) -> Result<()> {
    let wish = wish.map(c_text).transpose()?;
    check(unsafe { sys::dgxp_resident_use(wish.as_ref().map_or(std::ptr::null(), |w| w.as_ptr())) })
}

/// What each resident engine of this user says of itself, as JSON: `{"engines": [{"pid", "models", ...}]}`.
pub fn resident_status() -> Result<String> {
    document(|out| unsafe { sys::dgxp_resident_status(out) })
}

/// Stop them all; how many there were.
pub fn stop_resident() -> Result<u32> {
    let mut count = 0;
    check(unsafe { sys::dgxp_resident_stop(&mut count) })?;
    Ok(count.unsigned_abs())
}

/// What the library found on this machine: backend, torch, devices, models; JSON.  `verify` takes the
/// hashes of all models' files again, which takes minutes.
pub fn doctor(verify: bool) -> Result<String> {
    document(|out| unsafe { sys::dgxp_doctor(verify.into(), out) })
}

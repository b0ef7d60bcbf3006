// SPDX-License-Identifier: MIT OR Apache-2.0
//! Adapters, and which of them a model wears.

use std::path::Path;

use crate::{Model, Result, c_int, c_path, document, handle, sys};

handle!(
    /// An adapter file, read and checked: LoRA, LoCon, LoHa, LoKr, DoRA, full differences.
    Lora, dgxp_lora, dgxp_lora_free
);

/// An adapter and how strongly each part of the model takes it: 1 as trained, 0 not at all, -100..100.
#[derive(Debug, Clone, Copy)]
pub struct LoraUse<'a> {
    /// Which.
    pub lora: &'a Lora,
    /// Of the UNet.
    pub unet: f64,
    /// Of the first text encoder.
    pub text_1: f64,
    /// Of the second text encoder.
    pub text_2: f64,
}

impl<'a> LoraUse<'a> {
    /// All parts alike.
    pub fn new(lora: &'a Lora, weight: f64) -> Self {
        Self { lora, unet: weight, text_1: weight, text_2: weight }
    }
}

impl Lora {
    /// A path, or a name that is looked up in `loras/` of the models folders and of `model`.
    pub fn load(name_or_path: impl AsRef<Path>, model: Option<&Model>) -> Result<Self> {
        let name = c_path(name_or_path.as_ref())?;
        let model = model.map_or(std::ptr::null_mut(), |model| model.raw());
        // SAFETY: texts and handles live during the call, here and below.
        Self::create(|out| unsafe { sys::dgxp_lora_load(name.as_ptr(), model, out) })
    }

    /// Kind, base, ranks, trigger words, training metadata; JSON.
    pub fn describe(&self) -> Result<String> {
        document(|out| unsafe { sys::dgxp_lora_describe(self.raw(), out) })
    }
}

/// The adapters that are found by name, with a model its own too; JSON.
pub fn list_loras(model: Option<&Model>) -> Result<String> {
    let model = model.map_or(std::ptr::null_mut(), |model| model.raw());
    document(|out| unsafe { sys::dgxp_list_loras(model, out) })
}

impl Model {
    /// Make the weights the model's own plus those of 0..64 adapters; what was set before is replaced,
    /// and none restores every byte.  The report (JSON) says what was applied.
    ///
    /// An adapter of which any module finds no place is refused and nothing changes; with `partial` such
    /// modules are skipped and reported.  Waits while a thread paints with the model.
    pub fn set_loras(&self, uses: &[LoraUse], partial: bool) -> Result<String> {
        let raw: Vec<_> = uses
            .iter()
            .map(|one| sys::dgxp_lora_use {
                lora: one.lora.raw(),
                unet: one.unet,
                text_1: one.text_1,
                text_2: one.text_2,
            })
            .collect();
        let count = c_int(raw.len().try_into().unwrap_or(u32::MAX))?;
        document(|report| unsafe {
            sys::dgxp_model_set_loras(self.raw(), raw.as_ptr(), count, partial.into(), report)
        })
    }
}

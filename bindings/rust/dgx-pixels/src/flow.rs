// SPDX-License-Identifier: MIT OR Apache-2.0
//! Pictures painted again, several that belong together, and what the library knows.

use std::ffi::{CString, c_char};
use std::path::Path;

use crate::{Cancel, Image, ImageRef, Model, Result, c_int, c_path, c_text, document, params, sys, text};

fn pointer(text: &Option<CString>) -> *const c_char {
    text.as_ref().map_or(std::ptr::null(), |text| text.as_ptr())
}

/// A workflow file or a ComfyUI graph, its {placeholders} filled from `values` (a JSON object); JSON.
pub fn load_workflow(path: impl AsRef<Path>, values: Option<&str>) -> Result<String> {
    let (path, values) = (c_path(path.as_ref())?, values.map(c_text).transpose()?);
    // SAFETY: texts live during the call, here and below.
    document(|out| unsafe { sys::dgxp_workflow_load(path.as_ptr(), pointer(&values), out) })
}

/// Carry out a filled workflow (a sprite, an animation, a tile set, a batch) into a folder; JSON of its files.
pub fn run_workflow(
    model: &Model,
    workflow: &str,
    output: &Path,
    name: Option<&str>,
    cancel: Option<&Cancel>,
) -> Result<String> {
    let (workflow, output) = (c_text(workflow)?, c_path(output)?);
    let name = name.map(c_text).transpose()?;
    let mut params = params!(dgxp_workflow_params);
    (params.output, params.name) = (output.as_ptr(), pointer(&name));
    params.cancel = cancel.map_or(std::ptr::null(), |cancel| cancel.raw().cast_const());
    document(|out| unsafe { sys::dgxp_workflow_run(model.raw(), workflow.as_ptr(), &params, out) })
}

/// What a call made of a picture, and its report as JSON.
fn made<T>(call: impl FnOnce(*mut *mut sys::dgxp_document) -> Result<T>) -> Result<(T, String)> {
    let mut raw = std::ptr::null_mut();
    let result = call(&mut raw);
    // SAFETY: the document is ours, and may be there after a failure, too.
    let report = unsafe {
        let report = if raw.is_null() { String::new() } else { text(sys::dgxp_document_text(raw)) };
        sys::dgxp_document_free(raw);
        report
    };
    result.map(|made| (made, report))
}

/// Paint a picture again from its recipe, or with `changes` (a JSON object, `{"seed": 8}`) another one; and what
/// differs here, JSON.
pub fn regen(model: &Model, image: &ImageRef, changes: Option<&str>, force: bool) -> Result<(Image, String)> {
    let changes = changes.map(c_text).transpose()?;
    let mut params = params!(dgxp_regen_params);
    (params.force, params.changes) = (force.into(), pointer(&changes));
    made(|report| {
        Image::create(|out| unsafe { sys::dgxp_regen(model.raw(), image.raw(), &params, report, out) })
    })
}

/// Measure a finished sprite, or the frames of an animation; `tile`: it joins at its edges.  JSON.
pub fn quality(images: &[&ImageRef], tile: bool) -> Result<String> {
    let raw: Vec<_> = images.iter().map(|image| image.raw()).collect();
    let count = c_int(raw.len().try_into().unwrap_or(u32::MAX))?;
    let mut params = params!(dgxp_quality_params);
    params.tile = tile.into();
    document(|out| unsafe { sys::dgxp_quality(raw.as_ptr(), count, &params, out) })
}

/// All that a picture can be asked for: name, type, range, default, help; JSON.
pub fn settings() -> Result<String> {
    document(|out| unsafe { sys::dgxp_settings(out) })
}

/// The contract of one kind, style or speed; JSON.
pub fn describe_preset(name: &str, folder: Option<&Path>) -> Result<String> {
    let (name, folder) = (c_text(name)?, folder.map(c_path).transpose()?);
    document(|out| unsafe { sys::dgxp_preset_describe(name.as_ptr(), pointer(&folder), out) })
}

/// The parameters that A1111 writes into a PNG, as JSON.
pub fn parse_parameters(parameters: &str) -> Result<String> {
    let parameters = c_text(parameters)?;
    document(|out| unsafe { sys::dgxp_parameters_parse(parameters.as_ptr(), out) })
}

/// The names of a list of choices that the library gave.
unsafe fn names(list: *const sys::dgxp_choice, count: i32) -> Vec<String> {
    if list.is_null() {
        return Vec::new();
    }
    // SAFETY: the caller's promise: `count` rows of static texts.
    unsafe { std::slice::from_raw_parts(list, count as usize).iter().map(|row| text(row.name)).collect() }
}

/// The names of an enum's values, "sampler"; empty when there is no such enum.
pub fn choices(name: &str) -> Result<Vec<String>> {
    let (name, mut count) = (c_text(name)?, 0);
    Ok(unsafe { names(sys::dgxp_choices(name.as_ptr(), &mut count), count) })
}

/// The value that a name of such an enum has.
pub(crate) fn choice(list: &str, wanted: &str) -> Result<i32> {
    let (name, mut count) = (c_text(list)?, 0);
    // SAFETY: `count` rows of static texts, or NULL.
    let rows = unsafe {
        let rows = sys::dgxp_choices(name.as_ptr(), &mut count);
        if rows.is_null() { &[] } else { std::slice::from_raw_parts(rows, count as usize) }
    };
    rows.iter().find(|row| unsafe { text(row.name) } == wanted).map(|row| row.value).ok_or_else(|| {
        crate::Error::invalid(format!(
            "no {list} '{wanted}'; there are {}",
            choices(list).unwrap_or_default().join(", ")
        ))
    })
}

/// The palettes that are found by name.
pub fn palettes() -> Vec<String> {
    let mut count = 0;
    unsafe { names(sys::dgxp_palette_builtins(&mut count), count) }
}

/// A seed from the system's generator, 0..2^53-1.
pub fn random_seed() -> Result<u64> {
    let mut seed = 0;
    crate::error::check(unsafe { sys::dgxp_random_seed(&mut seed) })?;
    Ok(seed)
}

/// A readable file name of a subject: "Medieval knight, red" becomes "medieval-knight-red".
pub fn slug(subject: &str) -> Result<String> {
    let subject = c_text(subject)?;
    let mut room = [0 as c_char; sys::DGXP_SLUG_SIZE as usize];
    // SAFETY: the header says how much room it needs.
    unsafe {
        sys::dgxp_slug(subject.as_ptr(), room.as_mut_ptr());
        Ok(text(room.as_ptr()))
    }
}

/// What a file of others may cost this process, in pixels and bytes; 0 is the default of each.
pub fn set_limits(pixels: i64, bytes: i64) -> Result<()> {
    let mut limits = params!(dgxp_limits);
    (limits.pixels, limits.bytes) = (pixels, bytes);
    crate::error::check(unsafe { sys::dgxp_set_limits(&limits) })
}

/// Vouch for a TorchScript program: it may run from now on.  A program is code.  JSON.
pub fn trust_program(path: impl AsRef<Path>) -> Result<String> {
    let path = c_path(path.as_ref())?;
    document(|out| unsafe { sys::dgxp_trust_program(path.as_ptr(), out) })
}

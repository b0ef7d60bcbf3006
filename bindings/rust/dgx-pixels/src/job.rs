// SPDX-License-Identifier: MIT OR Apache-2.0
//! One picture to paint.

use std::ffi::{CString, c_char};
use std::path::Path;

use crate::error::check;
use crate::{ImageRef, Model, Result, c_path, c_text, handle, params, sys};

handle!(
    /// One picture to paint.  Setters check their range at once and give the job back; a job may be
    /// painted again and again.
    ///
    /// ```
    /// # fn main() -> dgx_pixels::Result<()> {
    /// use dgx_pixels::{Job, Sampler};
    /// let job = Job::new("a (red:1.3) dragon, side view")?.seed(7)?.steps(20)?.sampler(Sampler::EulerA)?;
    /// let error = job.steps(2000).unwrap_err();
    /// assert!(error.message().contains("1000"), "{error}");
    /// # Ok(()) }
    /// ```
    Job, dgxp_job, dgxp_job_free
);

/// What a job is made of, beside its subject: see `dgx-pixels presets`.
#[derive(Debug, Default, Clone, Copy)]
pub struct Preset<'a> {
    /// "character", "tile" …
    pub kind: &'a str,
    /// "medieval knight"
    pub subject: &'a str,
    /// "16bit", "gameboy" …
    pub style: Option<&'a str>,
    /// "fast", "balanced", "quality".
    pub speed: Option<&'a str>,
    /// "view=side" …
    pub fields: &'a [&'a str],
    /// Of presets of your own, looked into first.
    pub folder: Option<&'a Path>,
}

/// What lies beside a request: where its paths begin, presets of one's own, and pictures in place of
/// those that it names.
#[derive(Debug, Default, Clone, Copy)]
pub struct Beside<'a> {
    /// Where paths in the request begin; none: the working directory.
    pub folder: Option<&'a Path>,
    /// Of presets of your own, looked into first.
    pub presets: Option<&'a Path>,
    /// The picture to start from; copied.
    pub init: Option<&'a ImageRef>,
    /// White paints anew; copied.
    pub mask: Option<&'a ImageRef>,
}

impl Job {
    /// `prompt` in A1111's grammar: `(word:1.2)`, `[word]`, `BREAK`.
    pub fn new(prompt: &str) -> Result<Self> {
        let prompt = c_text(prompt)?;
        // SAFETY: texts live during the call, here and below.
        Self::create(|out| unsafe { sys::dgxp_job_create(prompt.as_ptr(), out) })
    }

    /// From a preset ("character", "tile" …) and a subject ("medieval knight").
    pub fn preset(model: &Model, kind: &str, subject: &str) -> Result<Self> {
        Self::styled(model, &Preset { kind, subject, ..Preset::default() })
    }

    /// From a kind, a style, a speed and typed fields, laid over each other.  What does not exist is
    /// [`NotFound`](crate::Status::NotFound), and the message lists what there is.
    pub fn styled(model: &Model, preset: &Preset) -> Result<Self> {
        let mut request =
            format!("{{\"kind\": {}, \"subject\": {}", quote(preset.kind), quote(preset.subject));
        for (name, text) in [("style", preset.style), ("speed", preset.speed)] {
            if let Some(text) = text {
                request += &format!(", \"{name}\": {}", quote(text));
            }
        }
        let fields: Vec<_> = preset
            .fields
            .iter()
            .map(|field| field.split_once('=').unwrap_or((field, "")))
            .map(|(name, value)| format!("{}: {}", quote(name), quote(value)))
            .collect();
        request += &format!(", \"fields\": {{{}}}}}", fields.join(", "));
        Self::request(model, &request, &Beside { presets: preset.folder, ..Beside::default() })
    }

    /// From a request: JSON with the settings that `docs/settings.md` lists.  A recipe
    /// ([`Painted::recipe`](crate::Painted::recipe)) is one as it stands.
    pub fn request(model: &Model, request: &str, beside: &Beside) -> Result<Self> {
        fn pointer(text: &Option<CString>) -> *const c_char {
            text.as_ref().map_or(std::ptr::null(), |text| text.as_ptr())
        }
        let request = c_text(request)?;
        let folder = beside.folder.map(c_path).transpose()?;
        let presets = beside.presets.map(c_path).transpose()?;
        let mut params = params!(dgxp_request_params);
        (params.folder, params.presets) = (pointer(&folder), pointer(&presets));
        params.init = beside.init.map_or(std::ptr::null(), |image| image.raw());
        params.mask = beside.mask.map_or(std::ptr::null(), |image| image.raw());
        Self::create(|out| unsafe { sys::dgxp_job_request(model.raw(), request.as_ptr(), &params, out) })
    }

    fn set(self, status: sys::dgxp_status) -> Result<Self> {
        check(status).map(|()| self)
    }

    /// Any setting of the table by its name; `json` is its value: `0.5`, `[32, 48]`, `"ddim"`.
    pub fn put(self, name: &str, json: &str) -> Result<Self> {
        let (name, json) = (c_text(name)?, c_text(json)?);
        let status = unsafe { sys::dgxp_job_set(self.raw(), name.as_ptr(), json.as_ptr()) };
        self.set(status)
    }

    pub(crate) fn put_text(self, name: &str, text: &str) -> Result<Self> {
        self.put(name, &quote(text))
    }

    /// Start from a picture (copied).  `strength` 0..1: the share of the steps that is painted anew.
    pub fn init_image(self, image: &ImageRef, strength: f64) -> Result<Self> {
        let status = unsafe { sys::dgxp_job_set_init_image(self.raw(), image.raw(), strength) };
        self.set(status)
    }

    /// White paints anew, black keeps the init image bit for bit.  Copied.
    pub fn mask(self, mask: &ImageRef) -> Result<Self> {
        let status = unsafe { sys::dgxp_job_set_mask(self.raw(), mask.raw()) };
        self.set(status)
    }

    /// With an adapter (a path or a name), beside those that [`Model::set_loras`] has set.  Weights
    /// -100..100; it is read when the job is painted.
    pub fn lora(self, name_or_path: &str, unet: f64, text: f64) -> Result<Self> {
        let name = c_text(name_or_path)?;
        let status = unsafe { sys::dgxp_job_add_lora(self.raw(), name.as_ptr(), unet, text) };
        self.set(status)
    }

    /// The pixel steps between canvas and sprite, JSON that is laid over the preset's, else the model's own;
    /// `None` takes all out: as it was painted.  `dgxp_job_set_finish()` in the header lists them.
    pub fn finish(self, steps: Option<&str>) -> Result<Self> {
        let steps = steps.map(c_text).transpose()?;
        let steps = steps.as_ref().map_or(std::ptr::null(), |steps| steps.as_ptr());
        let status = unsafe { sys::dgxp_job_set_finish(self.raw(), steps) };
        self.set(status)
    }

    /// What it expands to on this model (prompt chunks, steps, memory), JSON; nothing is painted.
    pub fn describe(&self, model: &Model) -> Result<String> {
        crate::document(|out| unsafe { sys::dgxp_job_describe(self.raw(), model.raw(), out) })
    }
}

/// As a JSON text.
pub(crate) fn quote(text: &str) -> String {
    let mut json = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => json.extend(['\\', letter]),
            '\0'..='\u{1f}' => json.push_str(&format!("\\u{:04x}", letter as u32)),
            _ => json.push(letter),
        }
    }
    json.push('"');
    json
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! One picture to paint.

use std::ffi::{CString, c_char};
use std::path::Path;

use crate::error::check;
use crate::{ImageRef, Model, Result, c_enum, c_int, c_path, c_text, handle, params, sys};

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

c_enum!(
    /// How a step is made of the model's answer.
    Sampler {
        /// What the model recommends, else Euler.
        #[default]
        Auto = DGXP_SAMPLER_AUTO,
        /// Euler.
        Euler = DGXP_SAMPLER_EULER,
        /// Euler ancestral.
        EulerA = DGXP_SAMPLER_EULER_A,
        /// DPM++ 2M.
        Dpmpp2m = DGXP_SAMPLER_DPMPP_2M,
        /// DPM++ 2M SDE.
        Dpmpp2mSde = DGXP_SAMPLER_DPMPP_2M_SDE,
        /// DDIM.
        Ddim = DGXP_SAMPLER_DDIM,
        /// Latent consistency: few steps, with its LoRA.
        Lcm = DGXP_SAMPLER_LCM,
        /// Trajectory consistency: few steps, with its LoRA.
        Tcd = DGXP_SAMPLER_TCD,
    }
);

c_enum!(
    /// How noise falls from step to step.
    Schedule {
        /// What the model declares, else normal.
        #[default]
        Auto = DGXP_SCHEDULE_AUTO,
        /// As it was trained.
        Normal = DGXP_SCHEDULE_NORMAL,
        /// Karras et al. 2022.
        Karras = DGXP_SCHEDULE_KARRAS,
        /// Evenly in the logarithm.
        Exponential = DGXP_SCHEDULE_EXPONENTIAL,
    }
);

c_enum!(
    /// Which of the training's steps are taken.
    Spacing {
        /// What the model declares, else leading.
        #[default]
        Auto = DGXP_SPACING_AUTO,
        /// The first of each stretch.
        Leading = DGXP_SPACING_LEADING,
        /// The last of each stretch.
        Trailing = DGXP_SPACING_TRAILING,
        /// Evenly, both ends included.
        Linspace = DGXP_SPACING_LINSPACE,
    }
);

c_enum!(
    /// Along which axes the picture goes on at the other side.
    Tiling {
        /// Not at all.
        #[default]
        None = DGXP_TILING_NONE,
        /// The left edge continues at the right one.
        X = DGXP_TILING_X,
        /// The upper edge continues at the lower one.
        Y = DGXP_TILING_Y,
        /// Both.
        Xy = DGXP_TILING_XY,
    }
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

impl Job {
    /// `prompt` in A1111's grammar: `(word:1.2)`, `[word]`, `BREAK`.
    pub fn new(prompt: &str) -> Result<Self> {
        let prompt = c_text(prompt)?;
        // SAFETY: texts live during the call, here and below.
        Self::create(|out| unsafe { sys::dgxp_job_create(prompt.as_ptr(), out) })
    }

    /// From a preset ("character", "tile" …) and a subject ("medieval knight").
    pub fn preset(model: &Model, kind: &str, subject: &str) -> Result<Self> {
        let (kind, subject) = (c_text(kind)?, c_text(subject)?);
        Self::create(|out| unsafe {
            sys::dgxp_job_create_preset(model.raw(), kind.as_ptr(), subject.as_ptr(), out)
        })
    }

    /// From a kind, a style, a speed and typed fields, laid over each other.  What does not exist is
    /// [`NotFound`](crate::Status::NotFound), and the message lists what there is.
    pub fn styled(model: &Model, preset: &Preset) -> Result<Self> {
        fn pointer(text: &Option<CString>) -> *const c_char {
            text.as_ref().map_or(std::ptr::null(), |text| text.as_ptr())
        }
        let (kind, subject) = (c_text(preset.kind)?, c_text(preset.subject)?);
        let style = preset.style.map(c_text).transpose()?;
        let speed = preset.speed.map(c_text).transpose()?;
        let folder = preset.folder.map(c_path).transpose()?;
        let texts = preset.fields.iter().map(|field| c_text(field)).collect::<Result<Vec<_>>>()?;
        let fields: Vec<_> = texts.iter().map(|text| text.as_ptr()).collect();
        let mut params = params!(dgxp_preset_params);
        params.field_count = c_int(fields.len().try_into().unwrap_or(u32::MAX))?;
        (params.kind, params.subject) = (kind.as_ptr(), subject.as_ptr());
        (params.style, params.speed) = (pointer(&style), pointer(&speed));
        (params.fields, params.folder) = (fields.as_ptr(), pointer(&folder));
        Self::create(|out| unsafe { sys::dgxp_job_create_styled(model.raw(), &params, out) })
    }

    fn set(self, status: sys::dgxp_status) -> Result<Self> {
        check(status).map(|()| self)
    }

    /// What should not be there.
    pub fn negative_prompt(self, text: &str) -> Result<Self> {
        let text = c_text(text)?;
        let status = unsafe { sys::dgxp_job_set_negative_prompt(self.raw(), text.as_ptr()) };
        self.set(status)
    }

    /// Sprite pixels that come out; 0 = whatever the canvas holds.
    pub fn size(self, width: u32, height: u32) -> Result<Self> {
        let (width, height) = (c_int(width)?, c_int(height)?);
        let status = unsafe { sys::dgxp_job_set_size(self.raw(), width, height) };
        self.set(status)
    }

    /// Canvas pixels, what the model paints; 0 = the model's native canvas.
    pub fn canvas(self, width: u32, height: u32) -> Result<Self> {
        let (width, height) = (c_int(width)?, c_int(height)?);
        let status = unsafe { sys::dgxp_job_set_canvas(self.raw(), width, height) };
        self.set(status)
    }

    /// 1..1000; 0 = the model's recommendation.
    pub fn steps(self, steps: u32) -> Result<Self> {
        let steps = c_int(steps)?;
        let status = unsafe { sys::dgxp_job_set_steps(self.raw(), steps) };
        self.set(status)
    }

    /// 0..100; at most 1 paints without the negative prompt, twice as fast.
    pub fn guidance(self, guidance: f64) -> Result<Self> {
        let status = unsafe { sys::dgxp_job_set_guidance(self.raw(), guidance) };
        self.set(status)
    }

    /// Guidance rescale phi, 0..1.
    pub fn guidance_rescale(self, phi: f64) -> Result<Self> {
        let status = unsafe { sys::dgxp_job_set_guidance_rescale(self.raw(), phi) };
        self.set(status)
    }

    /// Guidance ends after this share of the steps, 0..1; 1 = never.
    pub fn cfg_stop(self, share: f64) -> Result<Self> {
        let status = unsafe { sys::dgxp_job_set_cfg_stop(self.raw(), share) };
        self.set(status)
    }

    /// How a step is made.
    pub fn sampler(self, sampler: Sampler) -> Result<Self> {
        let status = unsafe { sys::dgxp_job_set_sampler(self.raw(), sampler.value()) };
        self.set(status)
    }

    /// How noise falls.
    pub fn schedule(self, schedule: Schedule) -> Result<Self> {
        let status = unsafe { sys::dgxp_job_set_schedule(self.raw(), schedule.value()) };
        self.set(status)
    }

    /// Which steps are taken.
    pub fn spacing(self, spacing: Spacing) -> Result<Self> {
        let status = unsafe { sys::dgxp_job_set_spacing(self.raw(), spacing.value()) };
        self.set(status)
    }

    /// Stochasticity of DDIM and TCD, 0..1.
    pub fn eta(self, eta: f64) -> Result<Self> {
        let status = unsafe { sys::dgxp_job_set_eta(self.raw(), eta) };
        self.set(status)
    }

    /// The share of the noise that a whole run puts back, 0..1; below 1 surfaces come out smoother.
    pub fn temperature(self, temperature: f64) -> Result<Self> {
        let status = unsafe { sys::dgxp_job_set_temperature(self.raw(), temperature) };
        self.set(status)
    }

    /// 0..2^53-1.  Without one a seed is drawn and stands in the recipe.
    pub fn seed(self, seed: u64) -> Result<Self> {
        let status = unsafe { sys::dgxp_job_set_seed(self.raw(), seed) };
        self.set(status)
    }

    /// A seamless texture.
    pub fn tiling(self, tiling: Tiling) -> Result<Self> {
        let status = unsafe { sys::dgxp_job_set_tiling(self.raw(), tiling.value()) };
        self.set(status)
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

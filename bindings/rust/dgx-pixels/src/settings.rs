// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a picture can be asked for.  Made by scripts/make_settings.py from src/diffusion/setting.c; do not edit.

use crate::{Job, Result};

/// How a step is made of the model's answer.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sampler {
    /// What the model recommends.
    #[default]
    Auto,
    /// Plain and steady; 20-30 steps.
    Euler,
    /// Ancestral: adds noise, more variety.
    EulerA,
    /// Second order: sharp in 15-20 steps.
    Dpmpp2m,
    /// The same with noise: more texture.
    Dpmpp2mSde,
    /// The classic; with eta it adds noise.
    Ddim,
    /// 4-8 steps with an LCM LoRA, guidance 1-2.
    Lcm,
    /// 2-8 steps with a TCD or Hyper-SD LoRA.
    Tcd,
}

impl Sampler {
    /// As requests and recipes spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Euler => "euler",
            Self::EulerA => "euler-a",
            Self::Dpmpp2m => "dpmpp-2m",
            Self::Dpmpp2mSde => "dpmpp-2m-sde",
            Self::Ddim => "ddim",
            Self::Lcm => "lcm",
            Self::Tcd => "tcd",
        }
    }
}

/// How the noise falls from step to step.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Schedule {
    /// What the model declares.
    #[default]
    Auto,
    /// The training schedule.
    Normal,
    /// More steps at low noise (rho 7).
    Karras,
    /// Equal ratios between steps.
    Exponential,
}

impl Schedule {
    /// As requests and recipes spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Normal => "normal",
            Self::Karras => "karras",
            Self::Exponential => "exponential",
        }
    }
}

/// Which of the training's steps are taken.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Spacing {
    /// What the model declares.
    #[default]
    Auto,
    /// SDXL's own.
    Leading,
    /// Ends on pure noise: few steps, v-prediction.
    Trailing,
    /// Evenly from the first to the last timestep.
    Linspace,
}

impl Spacing {
    /// As requests and recipes spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Leading => "leading",
            Self::Trailing => "trailing",
            Self::Linspace => "linspace",
        }
    }
}

/// Along which axes the picture goes on at the other side.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Tiling {
    /// An ordinary picture.
    #[default]
    None,
    /// Left continues at right.
    X,
    /// Top continues at bottom.
    Y,
    /// Seamless on all sides.
    Xy,
}

impl Tiling {
    /// As requests and recipes spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::X => "x",
            Self::Y => "y",
            Self::Xy => "xy",
        }
    }
}

impl Job {
    /// What should not be there.
    pub fn negative_prompt(self, text: &str) -> Result<Self> {
        self.put_text("negative_prompt", text)
    }

    /// The same seed paints the same picture; one is drawn when it is not given.  0..2^53-1.
    pub fn seed(self, value: u64) -> Result<Self> {
        self.put("seed", &value.to_string())
    }

    /// What the model paints, for experts.  1..4096.
    pub fn canvas(self, width: u32, height: u32) -> Result<Self> {
        self.put("canvas", &format!("[{width}, {height}]"))
    }

    /// Sprite pixels that come out.  1..4096.
    pub fn size(self, width: u32, height: u32) -> Result<Self> {
        self.put("size", &format!("[{width}, {height}]"))
    }

    /// How often the picture is refined; the model's own when it is not given.  1..1000.
    pub fn steps(self, value: u32) -> Result<Self> {
        self.put("steps", &value.to_string())
    }

    /// How strictly the words are followed; 1 or less ignores the negative prompt and is twice as fast.
    /// 0..100.
    pub fn guidance(self, value: f64) -> Result<Self> {
        self.put("guidance", &format!("{value:?}"))
    }

    /// Against burnt colours.  0..1.
    pub fn guidance_rescale(self, value: f64) -> Result<Self> {
        self.put("guidance_rescale", &format!("{value:?}"))
    }

    /// Guidance begins after this share of the steps: 0.2 leaves the first ones to the words alone.
    /// 0..1.
    pub fn cfg_start(self, value: f64) -> Result<Self> {
        self.put("cfg_start", &format!("{value:?}"))
    }

    /// Guidance ends after this share of the steps: 0.6 saves 20 %.  0..1.
    pub fn cfg_stop(self, value: f64) -> Result<Self> {
        self.put("cfg_stop", &format!("{value:?}"))
    }

    /// How a step is made of the model's answer.
    pub fn sampler(self, sampler: Sampler) -> Result<Self> {
        self.put_text("sampler", sampler.name())
    }

    /// How the noise falls from step to step.
    pub fn schedule(self, schedule: Schedule) -> Result<Self> {
        self.put_text("schedule", schedule.name())
    }

    /// Which of the training's steps are taken.
    pub fn spacing(self, spacing: Spacing) -> Result<Self> {
        self.put_text("spacing", spacing.name())
    }

    /// Along which axes the picture goes on at the other side.
    pub fn tiling(self, tiling: Tiling) -> Result<Self> {
        self.put_text("tiling", tiling.name())
    }

    /// Below 1 surfaces come out smoother.  0..1.
    pub fn temperature(self, value: f64) -> Result<Self> {
        self.put("temperature", &format!("{value:?}"))
    }

    /// Noise of ddim and tcd.  0..1.
    pub fn eta(self, value: f64) -> Result<Self> {
        self.put("eta", &format!("{value:?}"))
    }

    /// Paint so many candidates, each of a seed of its own, and keep the one that the quality report
    /// likes best.  1..64.
    pub fn best_of(self, value: u32) -> Result<Self> {
        self.put("best_of", &value.to_string())
    }

    /// The picture is a frame that is stretched in nine parts: how much of a side each border takes.
    /// 0..0.49.
    pub fn panel(self, value: f64) -> Result<Self> {
        self.put("panel", &format!("{value:?}"))
    }

    /// These colors and no others: a built-in palette's name, or a file.
    pub fn palette(self, text: &str) -> Result<Self> {
        self.put_text("palette", text)
    }

    /// At most so many colors, found in the picture.  1..256.
    pub fn colors(self, value: u32) -> Result<Self> {
        self.put("colors", &value.to_string())
    }

    /// What becomes transparent: auto, keep, #rrggbb.
    pub fn background(self, text: &str) -> Result<Self> {
        self.put_text("background", text)
    }

    /// No palette, matte and clean-up: only size and hard alpha.
    pub fn as_painted(self, value: bool) -> Result<Self> {
        self.put("as_painted", &value.to_string())
    }

    /// Diffusers' rule for '!', for comparisons only.
    pub fn parity(self, value: bool) -> Result<Self> {
        self.put("parity", &value.to_string())
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a finished sprite becomes by its own pixels: motions, other colours, a normal map.

use std::ptr;

use crate::{Image, ImageRef, Result, Sheet, c_enum, c_int, c_text, document, params, sys};

c_enum!(
    /// Which side of a sprite is seen.
    Facing {
        /// It looks at us.
        #[default]
        Front = DGXP_FACING_FRONT,
        /// It looks away from us.
        Back = DGXP_FACING_BACK,
        /// In profile, to the right.
        Right = DGXP_FACING_RIGHT,
        /// In profile, to the left.
        Left = DGXP_FACING_LEFT,
    }
);

/// How a still sprite moves; 0 is the default of every number.
#[derive(Debug, Clone, Default)]
pub struct Motion {
    /// Names or paths with commas, "idle,walk,./wave.json"; "all"; empty = idle.
    pub motions: String,
    /// Where `attack` goes.
    pub facing: Facing,
    /// Of each motion, 2..12.
    pub frames: u32,
    /// How far all moves go, percent, 25..400.
    pub reach: u32,
    /// Percent, 10..1000.
    pub speed: u32,
    /// Frames have the sprite's size, and what leaves it is cut.
    pub keep_canvas: bool,
    /// Of the order in which pixels dissolve.
    pub seed: u64,
}

/// Frames with a tag a motion, and what was found.
#[derive(Debug)]
pub struct Moved {
    /// The frames.
    pub sheet: Sheet,
    /// The document of `dgxp_motion()`, JSON.
    pub report: String,
}

/// A picture that was made of a sprite, and what was found.
#[derive(Debug)]
pub struct Made {
    /// The picture.
    pub image: Image,
    /// JSON.
    pub report: String,
}

impl Motion {
    /// These motions.
    pub fn new(motions: impl Into<String>) -> Self {
        Self { motions: motions.into(), ..Self::default() }
    }

    /// Do it.
    pub fn run(&self, sprite: &ImageRef) -> Result<Moved> {
        let motions = c_text(&self.motions)?;
        let mut raw = params!(dgxp_motion_params);
        raw.facing = self.facing.value() as i32;
        (raw.frames, raw.reach, raw.speed) = (c_int(self.frames)?, c_int(self.reach)?, c_int(self.speed)?);
        (raw.keep_canvas, raw.seed) = (i32::from(self.keep_canvas), self.seed);
        raw.motions = if self.motions.is_empty() { ptr::null() } else { motions.as_ptr() };
        let mut made = ptr::null_mut();
        // SAFETY: sprite, params and both places live during the call; here and below.
        let report = document(|place| unsafe { sys::dgxp_motion(sprite.raw(), &raw, place, &mut made) })?;
        let sheet = Sheet::create(|out| {
            unsafe { *out = made };
            sys::DGXP_OK
        })?;
        Ok(Moved { sheet, report })
    }
}

/// The motions there are, JSON.
pub fn list_motions() -> Result<String> {
    document(|out| unsafe { sys::dgxp_list_motions(ptr::null(), out) })
}

/// A colourway of a sprite; the default changes nothing.
#[derive(Debug, Clone, Default)]
pub struct Recolor {
    /// Ramps by name or colour, "red=blue,#c03030=silver"; or empty.
    pub map: String,
    /// 1..1000: every ramp that has a hue takes another; 0 = only what `map` says.
    pub variant: u32,
    /// What has the colour of skin stays.
    pub keep_skin: bool,
    /// The outline's dark colours move, too.
    pub move_outline: bool,
}

impl Recolor {
    /// Do it.
    pub fn run(&self, sprite: &ImageRef) -> Result<Made> {
        let map = c_text(&self.map)?;
        let mut raw = params!(dgxp_recolor_params);
        raw.variant = c_int(self.variant)?;
        (raw.keep_skin, raw.move_outline) = (i32::from(self.keep_skin), i32::from(self.move_outline));
        raw.map = if self.map.is_empty() { ptr::null() } else { map.as_ptr() };
        made(|report, out| unsafe { sys::dgxp_recolor(sprite.raw(), &raw, report, out) })
    }
}

/// A normal map of a sprite, for lights in 2D.
#[derive(Debug, Clone, Copy, Default)]
pub struct Normal {
    /// How steep all is, percent, 10..400; 0 = 100.
    pub strength: u32,
    /// By outline, lines and faces alone.
    pub no_shading: bool,
    /// Green points downwards, as Direct3D's maps have it.
    pub y_down: bool,
}

impl Normal {
    fn raw(&self) -> Result<sys::dgxp_normal_params> {
        let mut raw = params!(dgxp_normal_params);
        raw.strength = c_int(self.strength)?;
        (raw.no_shading, raw.y_down) = (i32::from(self.no_shading), i32::from(self.y_down));
        Ok(raw)
    }

    /// Of one sprite.
    pub fn run(&self, sprite: &ImageRef) -> Result<Made> {
        let raw = self.raw()?;
        made(|report, out| unsafe { sys::dgxp_normal(sprite.raw(), &raw, report, out) })
    }

    /// Of every frame, with the sheet's names, durations, tags and slices.
    pub fn run_sheet(&self, sheet: &Sheet) -> Result<Sheet> {
        let raw = self.raw()?;
        Sheet::create(|out| unsafe { sys::dgxp_sheet_normal(sheet.raw(), &raw, out) })
    }
}

/// A call that makes a picture and a document.
fn made(
    call: impl FnOnce(*mut *mut sys::dgxp_document, *mut *mut sys::dgxp_image) -> sys::dgxp_status,
) -> Result<Made> {
    let mut raw = ptr::null_mut();
    let report = document(|place| call(place, &mut raw))?;
    let image = Image::create(|out| {
        // SAFETY: the place for the handle is there.
        unsafe { *out = raw };
        sys::DGXP_OK
    })?;
    Ok(Made { image, report })
}

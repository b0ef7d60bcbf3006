// SPDX-License-Identifier: MIT OR Apache-2.0
//! Palettes: up to 256 different colours in order.

use std::path::Path;
use std::slice;

use crate::error::check;
use crate::{ImageRef, Result, bytes, c_enum, c_int, c_path, handle, params, sys, text};

handle!(
    /// Up to 256 different colours in order, at most one of them transparent.
    Palette, dgxp_palette, dgxp_palette_free
);

c_enum!(
    /// An ordered dither, fixed to the picture's corner so that it does not flicker.
    Dither {
        /// Flat.
        #[default]
        None = DGXP_DITHER_NONE,
        /// 2x2: looks like hand work.
        Bayer2 = DGXP_DITHER_BAYER2,
        /// 4x4.
        Bayer4 = DGXP_DITHER_BAYER4,
        /// 8x8.
        Bayer8 = DGXP_DITHER_BAYER8,
    }
);

handle!(
    /// The colours of any number of pictures, each weighing the same however large it is, for one palette over
    /// all of them.  Any number of threads may add.
    Histogram, dgxp_histogram, dgxp_histogram_free
);

impl Histogram {
    /// Without a picture.
    pub fn new() -> Result<Self> {
        // SAFETY: the place for the handle is there; live handles, here and below.
        Self::create(|out| unsafe { sys::dgxp_histogram_create(out) })
    }

    /// Add a picture's opaque colours.
    pub fn add(&self, image: &ImageRef) -> Result<()> {
        check(unsafe { sys::dgxp_histogram_add(self.raw(), image.raw()) })
    }

    /// Add the colours that `fix` would leave of a picture before its palette step.
    pub fn add_fixed(&self, image: &ImageRef, fix: &crate::Fix) -> Result<()> {
        let params = fix.params()?;
        check(unsafe { sys::dgxp_histogram_add_fixed(self.raw(), image.raw(), &params) })
    }

    /// How many different opaque colours were seen.
    pub fn colors(&self) -> u64 {
        unsafe { sys::dgxp_histogram_colors(self.raw()) as u64 }
    }

    /// The palette of all of them: at most `colors` (1..256), 0 = as few as suffice.
    pub fn extract(&self, colors: u32) -> Result<Palette> {
        let mut params = params!(dgxp_palette_params);
        params.colors = c_int(colors)?;
        Palette::create(|out| unsafe { sys::dgxp_histogram_extract(self.raw(), &params, out) })
    }
}

impl Palette {
    /// A built-in one by name ("pico-8"), or a palette file of any known format.
    pub fn load(name_or_path: impl AsRef<Path>) -> Result<Self> {
        let name = c_path(name_or_path.as_ref())?;
        // SAFETY: a text that lives during the call.
        Self::create(|out| unsafe { sys::dgxp_palette_load(name.as_ptr(), out) })
    }

    /// From colours; repeated ones are kept once.
    pub fn from_colors(colors: &[[u8; 4]]) -> Result<Self> {
        let count = c_int(colors.len().try_into().unwrap_or(u32::MAX))?;
        // SAFETY: `count` times four bytes.
        Self::create(|out| unsafe { sys::dgxp_palette_create(colors.as_ptr().cast(), count, out) })
    }

    /// The palette of a picture: at most `colors` (1..256), 0 = as few as suffice.
    pub fn extract(image: &ImageRef, colors: u32) -> Result<Self> {
        let mut params = params!(dgxp_palette_params);
        params.colors = c_int(colors)?;
        // SAFETY: live handles, here and below.
        Self::create(|out| unsafe { sys::dgxp_palette_extract(image.raw(), &params, out) })
    }

    /// R G B A each.
    pub fn colors(&self) -> &[[u8; 4]] {
        // SAFETY: `count` times four bytes live as long as the palette.
        unsafe {
            let count = sys::dgxp_palette_count(self.raw()) as usize;
            slice::from_raw_parts(sys::dgxp_palette_colors(self.raw()).cast(), count)
        }
    }

    /// From the file, or its name; may be empty.
    pub fn name(&self) -> String {
        unsafe { text(sys::dgxp_palette_name(self.raw())) }
    }

    /// Write it; the file's suffix says in which format (.hex .gpl .pal .act .txt .png …).
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = c_path(path.as_ref())?;
        check(unsafe { sys::dgxp_palette_save(self.raw(), path.as_ptr(), sys::DGXP_PALETTE_AUTO as i32) })
    }

    /// Read a palette file's bytes, in any known format.
    pub fn decode(file: &[u8]) -> Result<Self> {
        Self::create(|out| unsafe { sys::dgxp_palette_decode(file.as_ptr().cast(), file.len(), out) })
    }

    /// A palette file in memory; `format` is a name of [`choices("palette_format")`](crate::choices): "hex", "gpl" …
    pub fn encode(&self, format: &str) -> Result<Vec<u8>> {
        let format = crate::flow::choice("palette_format", format)?;
        bytes(|out, size| unsafe { sys::dgxp_palette_encode(self.raw(), format, out, size) })
    }
}

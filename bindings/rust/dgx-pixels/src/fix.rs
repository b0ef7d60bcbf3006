// SPDX-License-Identifier: MIT OR Apache-2.0
//! From a picture to a finished sprite, without a model.

use crate::steps::raw_images;
use crate::{Dither, Image, ImageRef, Palette, Result, c_int, document, params, sys};

/// What happens to a picture on its way to a sprite: grid, one pixel a cell, matte, palette, clean-up.
/// Every step has a default; see `dgxp_fix()` in the header for what they do.
#[derive(Debug)]
pub struct Fix<'a> {
    all: sys::dgxp_fix_params,
    grid: sys::dgxp_grid_params,
    matte: Option<sys::dgxp_matte_params>,
    palette: Option<&'a Palette>,
    extract: Option<sys::dgxp_palette_params>,
    quantize: Option<sys::dgxp_quantize_params>,
    outline: Option<sys::dgxp_outline_params>,
    trim: Option<sys::dgxp_trim_params>,
}

/// A finished sprite.
#[derive(Debug)]
pub struct Fixed {
    /// The sprite, one pixel a cell.
    pub sprite: Image,
    /// What was found and done, JSON.
    pub report: String,
}

impl Default for Fix<'_> {
    fn default() -> Self {
        Self {
            all: params!(dgxp_fix_params),
            grid: params!(dgxp_grid_params),
            matte: None,
            palette: None,
            extract: None,
            quantize: None,
            outline: None,
            trim: None,
        }
    }
}

impl<'a> Fix<'a> {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Exactly so many cells come out; one that is 0 is kept in proportion.
    pub fn size(mut self, width: u32, height: u32) -> Self {
        (self.grid.width, self.grid.height) = (width as i32, height as i32);
        self
    }

    /// The size of a cell in pixels, 1..1024, instead of looking for it.
    pub fn cell(mut self, pixels: f64) -> Self {
        self.grid.cell_width = pixels;
        self
    }

    /// Use these colours.
    pub fn palette(mut self, palette: &'a Palette) -> Self {
        self.palette = Some(palette);
        self
    }

    /// Find at most so many colours, 1..256; 0 = as few as suffice.
    pub fn colors(mut self, count: u32) -> Self {
        self.extract.get_or_insert(params!(dgxp_palette_params)).colors = count as i32;
        self
    }

    /// No palette step.
    pub fn keep_colors(mut self) -> Self {
        self.all.keep_colors = 1;
        self
    }

    /// Dither to the palette.
    pub fn dither(mut self, dither: Dither) -> Self {
        self.quantize.get_or_insert(params!(dgxp_quantize_params)).dither = dither.value() as i32;
        self
    }

    /// Remove nothing: no matte.
    pub fn keep_background(mut self) -> Self {
        let matte = self.matte.get_or_insert(params!(dgxp_matte_params));
        matte.background = sys::DGXP_BACKGROUND_KEEP as i32;
        self
    }

    /// The background's colour, instead of looking for it.
    pub fn background(mut self, [r, g, b]: [u8; 3]) -> Self {
        let matte = self.matte.get_or_insert(params!(dgxp_matte_params));
        matte.background = sys::DGXP_BACKGROUND_COLOR as i32;
        matte.color = u32::from_be_bytes([0, r, g, b]);
        self
    }

    /// Lone cells become like their neighbours.
    pub fn orphans(mut self) -> Self {
        self.all.orphans = 1;
        self
    }

    /// Doubled corners of lines go.
    pub fn jaggies(mut self) -> Self {
        self.all.jaggies = 1;
        self
    }

    /// An outline of one cell around the subject, of its darkest colour.
    pub fn outline(mut self) -> Self {
        self.outline = Some(params!(dgxp_outline_params));
        self
    }

    /// Cut to what is visible, with so many transparent cells around it (at most 1024).
    pub fn trim(mut self, padding: u32) -> Self {
        self.trim.get_or_insert(params!(dgxp_trim_params)).padding = padding as i32;
        self
    }

    /// A seamless tile: cells begin at the border.
    pub fn tile(mut self) -> Self {
        self.all.tile = 1;
        self
    }

    /// Sprites already: a pixel is a cell.
    pub fn native(mut self) -> Self {
        self.all.native = 1;
        self
    }

    /// The C struct, whose pointers lead into this one.
    pub(crate) fn params(&self) -> Result<sys::dgxp_fix_params> {
        fn pointer<T>(step: &Option<T>) -> *const T {
            step.as_ref().map_or(std::ptr::null(), |step| step)
        }
        // Sizes beyond i32 came in as negative numbers; they are refused by name here.
        for count in [self.grid.width, self.grid.height] {
            c_int(count as u32)?;
        }
        let mut all = self.all;
        all.grid = &self.grid;
        all.matte = pointer(&self.matte);
        all.palette = self.palette.map_or(std::ptr::null(), |palette| palette.raw());
        all.extract = pointer(&self.extract);
        all.quantize = pointer(&self.quantize);
        all.outline = pointer(&self.outline);
        all.trim = pointer(&self.trim);
        Ok(all)
    }

    /// Do it.
    pub fn run(&self, image: &ImageRef) -> Result<Fixed> {
        let all = self.params()?;
        let mut report = String::new();
        let sprite = Image::create(|out| {
            // The document comes with the image, in one call.
            let mut status = sys::DGXP_OK;
            let made = document(|report| {
                // SAFETY: every pointer lives until the call returns.
                status = unsafe { sys::dgxp_fix(image.raw(), &all, report, out) };
                status
            });
            report = made.unwrap_or_default();
            status
        })?;
        Ok(Fixed { sprite, report })
    }

    /// Do it to the frames of an animation, which have one size: one grid, one palette, one trim; and the report.
    pub fn run_frames(&self, images: &[&ImageRef]) -> Result<(Vec<Image>, String)> {
        let (all, raw) = (self.params()?, raw_images(images));
        let count = c_int(raw.len().try_into().unwrap_or(u32::MAX))?;
        let mut made = vec![std::ptr::null_mut(); raw.len()];
        let report = document(|report| {
            // SAFETY: `count` handles and as many places for new ones live until the call returns.
            unsafe { sys::dgxp_fix_frames(raw.as_ptr(), count, &all, report, made.as_mut_ptr()) }
        })?;
        let images = made.into_iter().map(|raw| {
            Image::create(|out| {
                // SAFETY: a place for a handle, which is ours from here on.
                unsafe { *out = raw };
                sys::DGXP_OK
            })
        });
        Ok((images.collect::<Result<_>>()?, report))
    }
}

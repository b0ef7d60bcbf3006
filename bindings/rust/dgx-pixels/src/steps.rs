// SPDX-License-Identifier: MIT OR Apache-2.0
//! The steps of [`Fix`](crate::Fix) one by one, for pictures that want them in another order.

use crate::error::check;
use crate::{Image, ImageRef, Result, c_enum, c_int, handle, params, sys};

handle!(
    /// The cells of a picture.  Threads may share one.
    Grid, dgxp_grid, dgxp_grid_free
);

c_enum!(
    /// How a cell becomes one colour.
    CellRule {
        /// The median; detail where no grid was found.
        #[default]
        Auto = DGXP_CELL_AUTO,
        /// The median of the inner 60 % of a cell.
        Median = DGXP_CELL_MEDIAN,
        /// The pixel at the middle of a cell.
        Center = DGXP_CELL_CENTER,
        /// The most frequent colour of a cell.
        Dominant = DGXP_CELL_DOMINANT,
        /// The larger of two colour clusters of a cell.
        KCentroid = DGXP_CELL_K_CENTROID,
        /// What stands out weighs more, for painted pictures.
        Detail = DGXP_CELL_DETAIL,
    }
);

c_enum!(
    /// What is taken out of a picture.
    Background {
        /// Transparency when there is some, else what the border shows.
        #[default]
        Auto = DGXP_BACKGROUND_AUTO,
        /// Nothing; alpha becomes 0 or 255.
        Keep = DGXP_BACKGROUND_KEEP,
        /// A colour of its own: [`Matte::color`].
        Color = DGXP_BACKGROUND_COLOR,
    }
);

c_enum!(
    /// Where a line is drawn.
    OutlineKind {
        /// Around the subject; the picture grows where it must.
        #[default]
        Outer = DGXP_OUTLINE_OUTER,
        /// On the subject's own edge cells.
        Inner = DGXP_OUTLINE_INNER,
    }
);

c_enum!(
    /// The point of a sprite that engines place it by.
    Pivot {
        /// The middle of the lowest row, on its lower edge.
        #[default]
        Feet = DGXP_PIVOT_FEET,
        /// The middle of what is visible.
        Center = DGXP_PIVOT_CENTER,
        /// The picture's corner.
        TopLeft = DGXP_PIVOT_TOP_LEFT,
    }
);

/// What is known of a grid; the default is nothing.
#[derive(Debug, Default, Clone, Copy)]
pub struct GridHints {
    /// So many cells come out; 0 is found, or kept in proportion.
    pub size: (u32, u32),
    /// The size of a cell in pixels, 1..1024; 0 is found.
    pub cell: (f64, f64),
    /// The size to expect where the picture is unclear; 0 = none.
    pub prior: f64,
    /// Cells may be wider than high.
    pub non_square: bool,
    /// Sizes close to 16, 32, 48, 64 … become these.
    pub snap: bool,
    /// The grid's lines do not bend.
    pub straight: bool,
    /// Cells begin at the border, as those of a seamless tile.
    pub at_border: bool,
}

/// What a grid is like.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub struct GridInfo {
    /// In cells.
    pub width: u32,
    /// In cells.
    pub height: u32,
    /// Of a cell, pixels.
    pub cell: (f64, f64),
    /// Where the first cell begins, pixels.
    pub offset: (f64, f64),
    /// 0..1.
    pub confidence: f64,
    /// Its lines bend.
    pub bent: bool,
}

impl GridHints {
    fn params(&self) -> Result<sys::dgxp_grid_params> {
        let mut params = params!(dgxp_grid_params);
        (params.width, params.height) = (c_int(self.size.0)?, c_int(self.size.1)?);
        (params.cell_width, params.cell_height) = self.cell;
        params.prior = self.prior;
        (params.non_square, params.snap) = (self.non_square.into(), self.snap.into());
        (params.straight, params.at_border) = (self.straight.into(), self.at_border.into());
        Ok(params)
    }
}

impl Grid {
    /// The grid of a picture.
    pub fn detect(image: &ImageRef, hints: &GridHints) -> Result<Self> {
        let params = hints.params()?;
        // SAFETY: live handles and params, here and below.
        Self::create(|out| unsafe { sys::dgxp_grid_detect(image.raw(), &params, out) })
    }

    /// One grid for all frames of an animation, which have one size.
    pub fn detect_frames(images: &[&ImageRef], hints: &GridHints) -> Result<Self> {
        let (raw, params) = (raw_images(images), hints.params()?);
        let count = c_int(raw.len().try_into().unwrap_or(u32::MAX))?;
        Self::create(|out| unsafe { sys::dgxp_grid_detect_frames(raw.as_ptr(), count, &params, out) })
    }

    /// Its cells.
    pub fn info(&self) -> Result<GridInfo> {
        let mut told = params!(dgxp_grid_info);
        check(unsafe { sys::dgxp_grid_describe(self.raw(), &mut told) })?;
        Ok(GridInfo {
            width: told.width as u32,
            height: told.height as u32,
            cell: (told.cell_width, told.cell_height),
            offset: (told.offset_x, told.offset_y),
            confidence: told.confidence,
            bent: told.bent != 0,
        })
    }

    /// One pixel a cell.
    pub fn downscale(&self, image: &ImageRef, rule: CellRule) -> Result<Image> {
        let mut params = params!(dgxp_downscale_params);
        params.rule = rule.value() as i32;
        Image::create(|out| unsafe { sys::dgxp_downscale(image.raw(), self.raw(), &params, out) })
    }

    /// How far the picture is from its sprite enlarged: mean OKLab distance, below 0.03 good.
    pub fn residual(&self, image: &ImageRef, sprite: &ImageRef) -> Result<f64> {
        let mut residual = 0.0;
        check(unsafe { sys::dgxp_grid_residual(image.raw(), self.raw(), sprite.raw(), &mut residual) })?;
        Ok(residual)
    }
}

pub(crate) fn raw_images(images: &[&ImageRef]) -> Vec<*const sys::dgxp_image> {
    images.iter().map(|image| image.raw()).collect()
}

/// How the background is taken out.
#[derive(Debug, Default, Clone, Copy)]
pub struct Matte {
    /// Which one.
    pub background: Background,
    /// With [`Background::Color`]: R G B.
    pub color: [u8; 3],
    /// In OKLab; 0 = 0.07.
    pub tolerance: f32,
    /// The background stays where the subject encloses it.
    pub keep_holes: bool,
    /// Lone pixels stay (sparks).
    pub keep_specks: bool,
    /// The background's tint stays on the edge.
    pub keep_fringe: bool,
    /// It goes where the subject encloses it, too.
    pub open_holes: bool,
}

impl Matte {
    /// The picture without its background, and the share of it that is opaque, 0..1.
    pub fn run(&self, image: &ImageRef) -> Result<(Image, f32)> {
        let (mut params, mut report) = (params!(dgxp_matte_params), params!(dgxp_matte_report));
        let [r, g, b] = self.color;
        params.background = self.background.value() as i32;
        params.color = u32::from_be_bytes([0, r, g, b]);
        params.tolerance = self.tolerance;
        (params.keep_holes, params.keep_specks) = (self.keep_holes.into(), self.keep_specks.into());
        (params.keep_fringe, params.open_holes) = (self.keep_fringe.into(), self.open_holes.into());
        let cut = Image::create(|out| unsafe { sys::dgxp_matte(image.raw(), &params, &mut report, out) })?;
        Ok((cut, report.opaque_share))
    }
}

/// Call a step that tells how many cells it changed.
fn counted(
    step: impl FnOnce(*mut i32, *mut *mut sys::dgxp_image) -> sys::dgxp_status,
) -> Result<(Image, u32)> {
    let mut changed = 0;
    let image = Image::create(|out| step(&mut changed, out))?;
    Ok((image, changed as u32))
}

/// Lone pixels take their neighbours' colour, where that is within `distance` in OKLab, 0..2 (0 = 0.06); and how
/// many did.
pub fn remove_orphans(image: &ImageRef, distance: f32) -> Result<(Image, u32)> {
    counted(|changed, out| unsafe { sys::dgxp_cleanup_orphans(image.raw(), distance, changed, out) })
}

/// Doubled corners of thin dark lines go; and how many did.
pub fn remove_jaggies(image: &ImageRef) -> Result<(Image, u32)> {
    counted(|changed, out| unsafe { sys::dgxp_cleanup_jaggies(image.raw(), changed, out) })
}

/// A line around the subject, of `color` (R G B A; transparent: its darkest one); and how many cells it has.
pub fn outline(image: &ImageRef, kind: OutlineKind, color: [u8; 4]) -> Result<(Image, u32)> {
    let mut params = params!(dgxp_outline_params);
    (params.kind, params.color) = (kind.value() as i32, color);
    counted(|changed, out| unsafe { sys::dgxp_cleanup_outline(image.raw(), &params, changed, out) })
}

/// A trimmed sprite, and its place in the picture that it was cut from.
#[derive(Debug)]
pub struct Trimmed {
    /// What is visible, and the padding.
    pub sprite: Image,
    /// Its corner in the picture; less than 0 where padding lies outside.
    pub corner: (i32, i32),
    /// The pivot, from the sprite's corner.
    pub pivot: (f32, f32),
}

/// Cut empty borders off, all but `padding` (0..1024) cells.
pub fn trim(image: &ImageRef, padding: u32, pivot: Pivot) -> Result<Trimmed> {
    let (mut params, mut report) = (params!(dgxp_trim_params), params!(dgxp_trim_report));
    (params.pivot, params.padding) = (pivot.value() as i32, c_int(padding)?);
    let sprite =
        Image::create(|out| unsafe { sys::dgxp_cleanup_trim(image.raw(), &params, &mut report, out) })?;
    Ok(Trimmed { sprite, corner: (report.x, report.y), pivot: (report.pivot_x, report.pivot_y) })
}

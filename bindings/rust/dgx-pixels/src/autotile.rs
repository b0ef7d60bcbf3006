// SPDX-License-Identifier: MIT OR Apache-2.0
//! A whole autotile set from one or two textures.

use crate::error::check;
use crate::{ImageRef, Result, Sheet, c_enum, c_int, params, sys};

c_enum!(
    /// Which tiles a set has.
    Tileset {
        /// 47 tiles for the eight neighbours.
        #[default]
        Blob = DGXP_TILESET_BLOB,
        /// 16 tiles for the four corners (dual grid, marching squares).
        Corner = DGXP_TILESET_CORNER,
    }
);

/// How a set is composed; the default is right for most textures.
#[derive(Debug, Default, Clone, Copy)]
pub struct Autotile<'a> {
    /// Which tiles.
    pub set: Tileset,
    /// Pixels a side, even, 4..256; 0 = the inside's width.
    pub tile: u32,
    /// How far the terrain ends inside its cell, 1..tile/2-1; 0 = tile/8.
    pub border: u32,
    /// How much that varies along the edge, pixels.
    pub rough: u32,
    /// No line along the terrain's edge.
    pub no_outline: bool,
    /// R G B A; transparent = the inside's darkest colour.
    pub outline_color: [u8; 4],
    /// Of the rough edge.
    pub seed: u64,
    /// An upper edge drawn by hand, as wide as the tile.
    pub edge: Option<&'a ImageRef>,
}

impl Autotile<'_> {
    /// Terrain `inside` on `outside` (none = transparent), a frame a tile.
    pub fn run(&self, inside: &ImageRef, outside: Option<&ImageRef>) -> Result<Sheet> {
        let mut params = params!(dgxp_autotile_params);
        params.kind = self.set.value() as i32;
        (params.tile, params.border) = (c_int(self.tile)?, c_int(self.border)?);
        (params.rough, params.no_outline) = (c_int(self.rough)?, self.no_outline.into());
        (params.outline_color, params.seed) = (self.outline_color, self.seed);
        params.edge = self.edge.map_or(std::ptr::null(), |edge| edge.raw());
        let outside = outside.map_or(std::ptr::null(), |outside| outside.raw());
        // SAFETY: live handles and params, here and below.
        Sheet::create(|out| unsafe { sys::dgxp_autotile(inside.raw(), outside, &params, out) })
    }

    /// Of a set that [`run`](Self::run) made: the mean step across the seams of legal neighbours over that inside
    /// the tiles (at most 1.2 is good), and the worst pair's.
    pub fn check(sheet: &Sheet) -> Result<(f64, f64)> {
        let (mut mean, mut worst) = (0.0, 0.0);
        check(unsafe { sys::dgxp_autotile_check(sheet.raw(), &mut mean, &mut worst) })?;
        Ok((mean, worst))
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sprite sheets, animations, tile sets.

use std::path::Path;
use std::time::Duration;

use crate::error::check;
use crate::{ImageRef, Result, bytes, c_enum, c_int, c_path, c_text, handle, params, sys, text};

handle!(
    /// Frames in order, with names and durations, and tags over them.
    Sheet, dgxp_sheet, dgxp_sheet_free
);

handle!(
    /// A sheet's frames on one picture.
    Atlas, dgxp_atlas, dgxp_atlas_free
);

c_enum!(
    /// How a tag runs through its frames.
    Direction {
        /// First to last.
        #[default]
        Forward = DGXP_DIRECTION_FORWARD,
        /// Last to first.
        Reverse = DGXP_DIRECTION_REVERSE,
        /// There and back.
        PingPong = DGXP_DIRECTION_PINGPONG,
        /// Back and there.
        PingPongReverse = DGXP_DIRECTION_PINGPONG_REVERSE,
    }
);

c_enum!(
    /// For which program an atlas is described.
    AtlasFormat {
        /// Aseprite JSON, frames in an array: what `dgx-pixels-bevy` reads.
        #[default]
        AsepriteArray = DGXP_ATLAS_ASEPRITE_ARRAY,
        /// Aseprite JSON, frames by name.
        AsepriteHash = DGXP_ATLAS_ASEPRITE_HASH,
        /// Tiled's tileset, JSON.
        Tsj = DGXP_ATLAS_TSJ,
        /// Tiled's tileset, XML.
        Tsx = DGXP_ATLAS_TSX,
        /// LDtk's tileset definition.
        Ldtk = DGXP_ATLAS_LDTK,
        /// Dynamic assets of bevy_asset_loader.
        BevyRon = DGXP_ATLAS_BEVY_RON,
    }
);

/// A named run of frames.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Tag {
    /// At most 255 bytes.
    pub name: String,
    /// The first frame.
    pub from: u32,
    /// The last frame, itself included.
    pub to: u32,
    /// The order.
    pub direction: Direction,
    /// Times, 0..65535; 0 = for ever.
    pub repeat: u32,
}

/// How frames are laid out on one picture; the default is a grid, nearly square.
#[derive(Debug, Default, Clone, Copy)]
pub struct Pack {
    /// Trimmed and packed instead of a grid.
    pub packed: bool,
    /// Of a grid; 0 = nearly square.
    pub columns: u32,
    /// Transparent pixels between cells, 0..256.
    pub padding: u32,
    /// Transparent pixels around all, 0..256.
    pub margin: u32,
    /// Edge pixels copied outwards, 0..16, against bleeding.
    pub extrude: u32,
    /// Both sides are powers of two.
    pub power_of_two: bool,
}

/// Where a frame lies on an atlas.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// On the picture.
    pub x: u32,
    /// On the picture.
    pub y: u32,
    /// On the picture.
    pub width: u32,
    /// On the picture.
    pub height: u32,
    /// Where that part sits in the whole frame.
    pub source_x: u32,
    /// Where that part sits in the whole frame.
    pub source_y: u32,
    /// Of the whole frame.
    pub source_width: u32,
    /// Of the whole frame.
    pub source_height: u32,
}

impl Sheet {
    /// Without frames.
    pub fn new() -> Result<Self> {
        // SAFETY: the place for the handle is there; texts live during calls; here and below.
        Self::create(|out| unsafe { sys::dgxp_sheet_create(out) })
    }

    /// Read a .aseprite file, a GIF, an APNG or a PNG, told by content.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = c_path(path.as_ref())?;
        Self::create(|out| unsafe { sys::dgxp_sheet_load(path.as_ptr(), out) })
    }

    /// Append a copy of `image`, shown for `duration` (1..65535 ms; zero = 100 ms).
    pub fn add_frame(&mut self, image: &ImageRef, name: &str, duration: Duration) -> Result<()> {
        let (name, ms) = (c_text(name)?, i32::try_from(duration.as_millis()).unwrap_or(i32::MAX));
        check(unsafe { sys::dgxp_sheet_add_frame(self.raw(), image.raw(), name.as_ptr(), ms) })
    }

    /// The frames it names must be there already.
    pub fn add_tag(&mut self, tag: &Tag) -> Result<()> {
        let name = c_text(&tag.name)?;
        let mut raw = params!(dgxp_tag);
        (raw.from, raw.to) = (c_int(tag.from)?, c_int(tag.to)?);
        (raw.direction, raw.repeat) = (tag.direction.value() as i32, c_int(tag.repeat)?);
        raw.name = name.as_ptr();
        check(unsafe { sys::dgxp_sheet_add_tag(self.raw(), &raw) })
    }

    /// How many frames.
    pub fn len(&self) -> usize {
        unsafe { sys::dgxp_sheet_frame_count(self.raw()) as usize }
    }

    /// It has no frame yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A frame's picture; `None` past the end.
    pub fn frame(&self, index: usize) -> Option<&ImageRef> {
        let raw = unsafe { sys::dgxp_sheet_frame(self.raw(), i32::try_from(index).ok()?) };
        (!raw.is_null()).then(|| unsafe { ImageRef::borrow(raw) })
    }

    /// A frame's duration; zero past the end.
    pub fn duration(&self, index: usize) -> Duration {
        let index = i32::try_from(index).unwrap_or(i32::MAX);
        Duration::from_millis(unsafe { sys::dgxp_sheet_frame_duration(self.raw(), index) } as u64)
    }

    /// All tags.
    pub fn tags(&self) -> Result<Vec<Tag>> {
        let count = unsafe { sys::dgxp_sheet_tag_count(self.raw()) };
        let read = |index| {
            let mut raw = params!(dgxp_tag);
            check(unsafe { sys::dgxp_sheet_tag(self.raw(), index, &mut raw) })?;
            Ok(Tag {
                name: unsafe { text(raw.name) },
                from: raw.from as u32,
                to: raw.to as u32,
                direction: Direction::from_value(raw.direction.into()).unwrap_or_default(),
                repeat: raw.repeat as u32,
            })
        };
        (0..count).map(read).collect()
    }

    /// Write all frames as one animation, by suffix: .aseprite, .apng.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = c_path(path.as_ref())?;
        check(unsafe { sys::dgxp_sheet_save(self.raw(), path.as_ptr(), std::ptr::null()) })
    }

    /// Lay out all frames on one picture.
    pub fn pack(&self, pack: &Pack) -> Result<Atlas> {
        let mut params = params!(dgxp_pack_params);
        params.layout = if pack.packed { sys::DGXP_LAYOUT_PACKED } else { sys::DGXP_LAYOUT_GRID } as i32;
        params.columns = c_int(pack.columns)?;
        params.padding = c_int(pack.padding)?;
        params.margin = c_int(pack.margin)?;
        params.extrude = c_int(pack.extrude)?;
        params.power_of_two = pack.power_of_two.into();
        Atlas::create(|out| unsafe { sys::dgxp_sheet_pack(self.raw(), &params, out) })
    }
}

impl Atlas {
    /// The picture with all frames.
    pub fn image(&self) -> &ImageRef {
        unsafe { ImageRef::borrow(sys::dgxp_atlas_image(self.raw())) }
    }

    /// Where frame `index` lies.
    pub fn place(&self, index: usize) -> Result<Place> {
        let mut raw = params!(dgxp_place);
        let index = i32::try_from(index).unwrap_or(i32::MAX);
        check(unsafe { sys::dgxp_atlas_place(self.raw(), index, &mut raw) })?;
        Ok(Place {
            x: raw.x as u32,
            y: raw.y as u32,
            width: raw.width as u32,
            height: raw.height as u32,
            source_x: raw.source_x as u32,
            source_y: raw.source_y as u32,
            source_width: raw.source_width as u32,
            source_height: raw.source_height as u32,
        })
    }

    /// The description of this atlas, which was made of `sheet`; `image` is the picture's path as the
    /// text should name it.
    pub fn describe(&self, sheet: &Sheet, format: AtlasFormat, image: &str) -> Result<String> {
        let (format, image) = (format.value() as i32, c_text(image)?);
        let text = bytes(|out, size| unsafe {
            sys::dgxp_atlas_describe(self.raw(), sheet.raw(), format, image.as_ptr(), out, size)
        })?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}

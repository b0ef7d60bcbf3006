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

c_enum!(
    /// An animation file's format.
    SheetFormat {
        /// One layer, tags, slices, palette.
        #[default]
        Aseprite = DGXP_SHEET_ASEPRITE,
        /// Frames and durations.
        Apng = DGXP_SHEET_APNG,
        /// The exact colours, at most 255 a frame.
        Gif = DGXP_SHEET_GIF,
    }
);

c_enum!(
    /// How frames of different pieces are laid over each other.
    Align {
        /// Feet for pieces, none for cells.
        #[default]
        Auto = DGXP_ALIGN_AUTO,
        /// The middle of the lowest eighth, on the lower edge.
        Feet = DGXP_ALIGN_FEET,
        /// The middle of what is visible.
        Center = DGXP_ALIGN_CENTER,
        /// As it lies in its cell.
        None = DGXP_ALIGN_NONE,
    }
);

/// How a picture is cut into frames; the default takes the pieces that touch nothing else.
#[derive(Debug, Default, Clone, Copy)]
pub struct Cut {
    /// Into cells of so many pixels; one alone is both.
    pub cell: (u32, u32),
    /// Or into so many columns and rows.
    pub grid: (u32, u32),
    /// Around the cells, 0..1024.
    pub margin: u32,
    /// Between the cells, 0..1024.
    pub spacing: u32,
    /// How frames are aligned.
    pub align: Align,
    /// Cells without anything visible are frames too.
    pub keep_empty: bool,
    /// Pieces of fewer pixels go to the nearest larger one; 0 = 1/16 of the largest.
    pub least: u32,
    /// Transparent pixels around aligned frames, 0..256.
    pub padding: u32,
    /// Of each frame, ms; 0 = 100.
    pub duration: u32,
}

/// A named rectangle over all frames: nine parts of a panel, a hit box, a pivot.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Slice {
    /// At most 255 bytes.
    pub name: String,
    /// x, y, width, height.
    pub bounds: (i32, i32, u32, u32),
    /// The middle part of nine, from the slice's corner; none: all zero.
    pub center: (i32, i32, u32, u32),
    /// From the slice's corner.
    pub pivot: Option<(i32, i32)>,
}

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

    /// The same from memory.
    pub fn decode(file: &[u8]) -> Result<Self> {
        Self::create(|out| unsafe { sys::dgxp_sheet_decode(file.as_ptr().cast(), file.len(), out) })
    }

    /// The numbered PNG files that `path` is one of, walk_01.png …, each shown for `duration` (zero = 100 ms).
    pub fn load_sequence(path: impl AsRef<Path>, duration: Duration) -> Result<Self> {
        let (path, ms) = (c_path(path.as_ref())?, i32::try_from(duration.as_millis()).unwrap_or(i32::MAX));
        Self::create(|out| unsafe { sys::dgxp_sheet_load_sequence(path.as_ptr(), ms, out) })
    }

    /// Cut a picture into frames.
    pub fn cut(image: &ImageRef, cut: &Cut) -> Result<Self> {
        let mut params = params!(dgxp_cut_params);
        (params.cell_width, params.cell_height) = (c_int(cut.cell.0)?, c_int(cut.cell.1)?);
        (params.columns, params.rows) = (c_int(cut.grid.0)?, c_int(cut.grid.1)?);
        (params.margin, params.spacing) = (c_int(cut.margin)?, c_int(cut.spacing)?);
        (params.align, params.keep_empty) = (cut.align.value() as i32, cut.keep_empty.into());
        (params.least, params.padding) = (c_int(cut.least)?, c_int(cut.padding)?);
        params.duration = c_int(cut.duration)?;
        Self::create(|out| unsafe { sys::dgxp_sheet_cut(image.raw(), &params, out) })
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

    /// A frame's name; empty past the end.
    pub fn name(&self, index: usize) -> String {
        let index = i32::try_from(index).unwrap_or(i32::MAX);
        unsafe { text(sys::dgxp_sheet_frame_name(self.raw(), index)) }
    }

    /// Its rectangle must lie in the frames.
    pub fn add_slice(&mut self, slice: &Slice) -> Result<()> {
        let name = c_text(&slice.name)?;
        let mut raw = params!(dgxp_slice);
        raw.name = name.as_ptr();
        (raw.x, raw.y, raw.width, raw.height) =
            (slice.bounds.0, slice.bounds.1, c_int(slice.bounds.2)?, c_int(slice.bounds.3)?);
        (raw.center_x, raw.center_y) = (slice.center.0, slice.center.1);
        (raw.center_width, raw.center_height) = (c_int(slice.center.2)?, c_int(slice.center.3)?);
        (raw.has_pivot, (raw.pivot_x, raw.pivot_y)) =
            (slice.pivot.is_some().into(), slice.pivot.unwrap_or_default());
        check(unsafe { sys::dgxp_sheet_add_slice(self.raw(), &raw) })
    }

    /// All slices.
    pub fn slices(&self) -> Result<Vec<Slice>> {
        let count = unsafe { sys::dgxp_sheet_slice_count(self.raw()) };
        let read = |index| {
            let mut raw = params!(dgxp_slice);
            check(unsafe { sys::dgxp_sheet_slice(self.raw(), index, &mut raw) })?;
            Ok(Slice {
                name: unsafe { text(raw.name) },
                bounds: (raw.x, raw.y, raw.width as u32, raw.height as u32),
                center: (raw.center_x, raw.center_y, raw.center_width as u32, raw.center_height as u32),
                pivot: (raw.has_pivot != 0).then_some((raw.pivot_x, raw.pivot_y)),
            })
        };
        (0..count).map(read).collect()
    }

    /// A picture for people: every frame enlarged on a checkerboard, with its index; `columns` 0 = nearly square,
    /// `scale` 0 = frames of about 128 pixels.
    pub fn contact(&self, columns: u32, scale: u32, names: bool) -> Result<crate::Image> {
        let mut params = params!(dgxp_contact_params);
        (params.columns, params.scale, params.names) = (c_int(columns)?, c_int(scale)?, names.into());
        crate::Image::create(|out| unsafe { sys::dgxp_sheet_contact(self.raw(), &params, out) })
    }

    /// All frames as one animation file in memory.
    pub fn encode(&self, format: SheetFormat) -> Result<Vec<u8>> {
        let mut params = params!(dgxp_sheet_params);
        params.format = format.value() as i32;
        bytes(|out, size| unsafe { sys::dgxp_sheet_encode(self.raw(), &params, out, size) })
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

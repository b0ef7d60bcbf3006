// SPDX-License-Identifier: MIT OR Apache-2.0
//! The sheet as the game holds it.

use std::time::Duration;

use bevy::prelude::*;
use bevy::sprite::Anchor;

use crate::Clip;

/// A sprite sheet: picture, layout, frames, named clips.  Loaded from Aseprite JSON, as
/// `dgx-pixels sheet` and Aseprite itself write it (frames as array or as hash).
///
/// The picture is looked for beside the JSON, under the name in `meta.image`.  When the JSON or the
/// picture changes on disk, the handles stay the same and their content is new.
#[derive(Asset, TypePath, Debug, Clone)]
pub struct SpriteSheet {
    /// The picture with all frames.
    #[dependency]
    pub image: Handle<Image>,
    /// Where the frames lie on it; index `i` is frame `i`.
    #[dependency]
    pub layout: Handle<TextureAtlasLayout>,
    /// In order; at least one.
    pub frames: Vec<Frame>,
    /// In the file's order.
    pub clips: Vec<Clip>,
    /// Named parts of every frame, in the file's order.
    pub slices: Vec<Slice>,
}

/// One frame of a sheet.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// As in the file; may be empty.
    pub name: String,
    /// How long it is shown.
    pub duration: Duration,
    /// The part of the whole frame that lies on the picture, pixels, y down.
    pub source: Rect,
    /// Of the whole, untrimmed frame, pixels.
    pub size: Vec2,
}

/// A named part of every frame, in pixels of the frame, y down.
#[derive(Debug, Clone, PartialEq)]
pub struct Slice {
    /// As in the file.
    pub name: String,
    /// Its place in the frame.
    pub bounds: Rect,
    /// The middle of a 9-slice, from the slice's corner.
    pub center: Option<Rect>,
    /// From the slice's corner.
    pub pivot: Option<Vec2>,
}

impl SpriteSheet {
    /// The first clip of this name.
    pub fn clip(&self, name: &str) -> Option<&Clip> {
        self.clips.iter().find(|clip| clip.name == name)
    }

    /// The sheet's pivot (of the slice "pivot", as `dgx-pixels sheet` writes it) in pixels of the whole
    /// frame, y down.
    pub fn pivot(&self) -> Option<Vec2> {
        let slice = self.slices.iter().find(|slice| slice.name == "pivot")?;
        Some(slice.bounds.min + slice.pivot?)
    }
}

impl Frame {
    /// The anchor that puts `point` of the whole frame (pixels, y down) at the entity's place, however
    /// the frame was trimmed.  A sprite that is flipped shows its picture mirrored and keeps its anchor, so
    /// the anchor has to be mirrored with it: say whether it is ([`Sprite::flip_x`], [`Sprite::flip_y`]).
    pub fn anchor(&self, point: Vec2, flip_x: bool, flip_y: bool) -> Anchor {
        let at = (point - self.source.min) / self.source.size();
        let mirror = |flipped: bool, at: f32| if flipped { 0.5 - at } else { at - 0.5 };
        Anchor(Vec2::new(mirror(flip_x, at.x), -mirror(flip_y, at.y)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trimmed_frame_keeps_its_place() {
        let mut frame = Frame {
            name: String::new(),
            duration: Duration::from_millis(100),
            source: Rect::new(0., 0., 32., 32.),
            size: Vec2::splat(32.),
        };
        assert_eq!(frame.anchor(frame.size / 2., false, false), Anchor::CENTER);
        assert_eq!(frame.anchor(Vec2::new(16., 32.), false, false), Anchor::BOTTOM_CENTER);
        // 8 by 4 pixels are left, at (20, 26): the whole frame's middle is left of and above them.
        frame.source = Rect::new(20., 26., 28., 30.);
        let Anchor(anchor) = frame.anchor(frame.size / 2., false, false);
        let center_of_part = -anchor * frame.source.size(); // from the entity's place, y up
        assert_eq!(center_of_part, Vec2::new(24. - 16., 16. - 28.));
    }

    /// Where each corner of the part lands when Bevy mirrors the picture inside the quad that the anchor
    /// placed: the sprite stands where its mirror image would, with the point on the entity.
    #[test]
    fn a_flipped_frame_is_mirrored_about_its_point() {
        let frame = Frame {
            name: String::new(),
            duration: Duration::from_millis(100),
            source: Rect::new(20., 26., 28., 30.),
            size: Vec2::splat(32.),
        };
        let pivot = Vec2::new(10., 31.);
        let left_edge = |flip_x: bool| {
            let Anchor(anchor) = frame.anchor(pivot, flip_x, false);
            (-0.5 - anchor.x) * frame.source.width()
        };
        assert_eq!(left_edge(false), 20. - 10.);
        assert_eq!(left_edge(true), -(28. - 10.), "the right edge, mirrored about the pivot");
        let top_edge = |flip_y: bool| {
            let Anchor(anchor) = frame.anchor(pivot, false, flip_y);
            (0.5 - anchor.y) * frame.source.height()
        };
        assert_eq!(top_edge(false), 31. - 26.);
        assert_eq!(top_edge(true), 30. - 31., "the bottom edge, mirrored about the pivot");
    }
}

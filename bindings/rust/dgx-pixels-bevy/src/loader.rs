// SPDX-License-Identifier: MIT OR Apache-2.0
//! Aseprite JSON to a [`SpriteSheet`].

use std::fmt;
use std::time::Duration;

use bevy::asset::{AssetLoader, LoadContext, io::Reader};
use bevy::prelude::*;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

use crate::{Clip, Direction, Frame, Slice, SpriteSheet};

/// Reads Aseprite JSON.  It is registered for `.json`; other loaders of JSON in one app are no
/// trouble, since Bevy chooses by the type that is asked for: `load::<SpriteSheet>("hero.json")`.
#[derive(Default, TypePath)]
pub struct SpriteSheetLoader;

/// What can be wrong with a sheet.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SheetError {
    /// The file could not be read.
    #[error("cannot read the sheet: {0}")]
    Io(#[from] std::io::Error),
    /// It is not JSON, or not of Aseprite's form.
    #[error("not an Aseprite sheet: {0}")]
    Json(#[from] serde_json::Error),
    /// A value does not fit the others.
    #[error("{field}: {problem}")]
    Value {
        /// Where, as a JSON path.
        field: String,
        /// What.
        problem: String,
    },
}

#[derive(Deserialize)]
struct File {
    frames: Frames,
    meta: Meta,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Meta {
    image: String,
    size: Size,
    frame_tags: Option<Vec<TagEntry>>,
    slices: Option<Vec<SliceEntry>>,
}

#[derive(Deserialize, Clone, Copy)]
struct Size {
    w: u32,
    h: u32,
}

#[derive(Deserialize, Clone, Copy)]
struct Box {
    x: i32,
    y: i32,
    w: u32,
    h: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FrameEntry {
    #[serde(default)]
    filename: String,
    frame: Box,
    #[serde(default)]
    rotated: bool,
    sprite_source_size: Option<Box>,
    source_size: Option<Size>,
    #[serde(default = "default_duration")]
    duration: f64,
}

/// Milliseconds.  Aseprite's are whole; exporters of others write 83.3.
fn default_duration() -> f64 {
    100.0
}

#[derive(Deserialize)]
struct TagEntry {
    name: String,
    from: usize,
    to: usize,
    #[serde(default = "default_direction")]
    direction: String,
    repeat: Option<Repeat>,
}

/// Aseprite writes a number as text, others write the number.
#[derive(Deserialize)]
#[serde(untagged)]
enum Repeat {
    Text(String),
    Number(u32),
}

fn default_direction() -> String {
    "forward".into()
}

#[derive(Deserialize)]
struct SliceEntry {
    name: String,
    keys: Vec<SliceKey>,
}

#[derive(Deserialize)]
struct SliceKey {
    bounds: Box,
    center: Option<Box>,
    pivot: Option<Point>,
}

#[derive(Deserialize)]
struct Point {
    x: i32,
    y: i32,
}

/// An array, or an object whose order counts (a map would lose it).
struct Frames(Vec<FrameEntry>);

impl<'de> Deserialize<'de> for Frames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Frames;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an array or an object of frames")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Frames, A::Error> {
                let mut frames = Vec::new();
                while let Some(frame) = seq.next_element()? {
                    frames.push(frame);
                }
                Ok(Frames(frames))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Frames, A::Error> {
                let mut frames = Vec::new();
                while let Some((filename, mut frame)) = map.next_entry::<String, FrameEntry>()? {
                    frame.filename = filename;
                    frames.push(frame);
                }
                Ok(Frames(frames))
            }
        }
        deserializer.deserialize_any(InOrder)
    }
}

fn wrong(field: impl Into<String>, problem: impl Into<String>) -> SheetError {
    SheetError::Value { field: field.into(), problem: problem.into() }
}

fn rect(b: Box) -> Rect {
    let min = Vec2::new(b.x as f32, b.y as f32);
    Rect::from_corners(min, min + Vec2::new(b.w as f32, b.h as f32))
}

/// What a file says, before it has handles.
struct Parsed {
    image: String,
    layout: TextureAtlasLayout,
    frames: Vec<Frame>,
    clips: Vec<Clip>,
    slices: Vec<Slice>,
}

fn parse_frame(entry: FrameEntry, index: usize, sheet: Size) -> Result<(URect, Frame), SheetError> {
    let field = format!("frames[{index}]");
    let at = entry.frame;
    if entry.rotated {
        return Err(wrong(field, "is rotated, which Bevy cannot draw: export without rotation"));
    }
    let inside = |start: i32, length: u32, limit: u32| {
        start >= 0 && length > 0 && start as u64 + length as u64 <= limit as u64
    };
    if !inside(at.x, at.w, sheet.w) || !inside(at.y, at.h, sheet.h) {
        return Err(wrong(
            field + ".frame",
            format!(
                "{}x{} at ({}, {}) is not inside the {}x{} picture",
                at.w, at.h, at.x, at.y, sheet.w, sheet.h
            ),
        ));
    }
    let source = entry
        .sprite_source_size
        .map_or(Rect::new(0., 0., at.w as f32, at.h as f32), |b| rect(Box { w: at.w, h: at.h, ..b }));
    let size = entry.source_size.map_or(source.max, |s| Vec2::new(s.w as f32, s.h as f32));
    let corner = UVec2::new(at.x as u32, at.y as u32);
    let place = URect::from_corners(corner, corner + UVec2::new(at.w, at.h));
    let duration = Duration::from_millis(entry.duration.round().max(1.0) as u64);
    Ok((place, Frame { name: entry.filename, duration, source, size }))
}

fn parse_clip(entry: TagEntry, index: usize, frames: usize) -> Result<Clip, SheetError> {
    let field = format!("meta.frameTags[{index}]");
    if entry.from > entry.to || entry.to >= frames {
        return Err(wrong(
            field,
            format!(
                "\"{}\" is {}..{}, the sheet has frames 0..{}",
                entry.name,
                entry.from,
                entry.to,
                frames - 1
            ),
        ));
    }
    let direction = Direction::from_name(&entry.direction)
        .ok_or_else(|| wrong(format!("{field}.direction"), format!("\"{}\" is unknown", entry.direction)))?;
    let repeat = match entry.repeat {
        None => 0,
        Some(Repeat::Number(repeat)) => repeat,
        Some(Repeat::Text(text)) => text
            .parse()
            .map_err(|_| wrong(format!("{field}.repeat"), format!("\"{text}\" is not a number")))?,
    };
    Ok(Clip { name: entry.name, first: entry.from, last: entry.to, direction, repeat })
}

fn parse(bytes: &[u8]) -> Result<Parsed, SheetError> {
    let File { frames: Frames(entries), meta } = serde_json::from_slice(bytes)?;
    if entries.is_empty() {
        return Err(wrong("frames", "is empty"));
    }
    let mut layout = TextureAtlasLayout::new_empty(UVec2::new(meta.size.w, meta.size.h));
    let mut frames = Vec::with_capacity(entries.len());
    for (index, entry) in entries.into_iter().enumerate() {
        let (place, frame) = parse_frame(entry, index, meta.size)?;
        layout.add_texture(place);
        frames.push(frame);
    }
    let clips = meta.frame_tags.unwrap_or_default().into_iter().enumerate();
    let clips = clips.map(|(i, tag)| parse_clip(tag, i, frames.len())).collect::<Result<_, _>>()?;
    // A slice may change from frame to frame; ours do not, and of others the first key counts.
    let slices = meta.slices.unwrap_or_default().into_iter().filter_map(|SliceEntry { name, keys }| {
        let key = keys.into_iter().next()?;
        let pivot = key.pivot.map(|p| Vec2::new(p.x as f32, p.y as f32));
        Some(Slice { name, bounds: rect(key.bounds), center: key.center.map(rect), pivot })
    });
    Ok(Parsed { image: meta.image, layout, slices: slices.collect(), frames, clips })
}

impl AssetLoader for SpriteSheetLoader {
    type Asset = SpriteSheet;
    type Settings = ();
    type Error = SheetError;

    async fn load(
        &self,
        reader: &mut dyn Reader,
        _settings: &(),
        context: &mut LoadContext<'_>,
    ) -> Result<SpriteSheet, SheetError> {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).await?;
        let parsed = parse(&bytes)?;
        let image = context
            .path()
            .resolve_embed_str(&parsed.image)
            .map_err(|error| wrong("meta.image", error.to_string()))?;
        Ok(SpriteSheet {
            image: context.load(image),
            layout: context.add_labeled_asset("layout".to_string(), parsed.layout),
            frames: parsed.frames,
            clips: parsed.clips,
            slices: parsed.slices,
        })
    }

    fn extensions(&self) -> &[&str] {
        &["json"]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: &str = r#"{"filename": "a", "frame": {"x": 16, "y": 0, "w": 8, "h": 16},
        "rotated": false, "trimmed": true, "spriteSourceSize": {"x": 4, "y": 0, "w": 8, "h": 16},
        "sourceSize": {"w": 16, "h": 16}, "duration": 80}"#;

    fn file(frames: &str, tags: &str) -> String {
        format!(
            r##"{{"frames": {frames}, "meta": {{"app": "x", "image": "hero.png", "size": {{"w": 32, "h": 16}},
            "frameTags": {tags}, "slices": [{{"name": "pivot", "color": "#0000ffff", "keys": [{{"frame": 0,
            "bounds": {{"x": 0, "y": 0, "w": 16, "h": 16}}, "pivot": {{"x": 8, "y": 16}}}}]}}]}}}}"##
        )
    }

    #[test]
    fn reads_array_and_hash_in_the_files_order() {
        let tags = r#"[{"name": "walk", "from": 0, "to": 1, "direction": "pingpong", "repeat": "2"}]"#;
        let array = parse(file(&format!("[{FRAME}, {FRAME}]"), tags).as_bytes()).unwrap();
        let hash = parse(file(&format!(r#"{{"z": {FRAME}, "a": {FRAME}}}"#), tags).as_bytes()).unwrap();
        assert_eq!(array.layout.textures, [URect::new(16, 0, 24, 16); 2]);
        assert_eq!(array.frames[0].duration, Duration::from_millis(80));
        assert_eq!(array.frames[0].source, Rect::new(4., 0., 12., 16.));
        assert_eq!(array.clips[0].steps(), Some(3));
        assert_eq!(array.slices[0].pivot, Some(Vec2::new(8., 16.)));
        assert_eq!(hash.frames.iter().map(|f| &*f.name).collect::<Vec<_>>(), ["z", "a"]);
    }

    #[test]
    fn reads_what_other_exporters_write() {
        let frames = format!("[{FRAME}]").replace("\"duration\": 80", "\"duration\": 83.6");
        let tags = r#"[{"name": "walk", "from": 0, "to": 0, "repeat": 3}]"#;
        let sheet = parse(file(&frames, tags).as_bytes()).unwrap();
        assert_eq!((sheet.frames[0].duration, sheet.clips[0].repeat), (Duration::from_millis(84), 3));
        assert!(parse(file(&frames, "null").as_bytes()).unwrap().clips.is_empty());
    }

    #[test]
    fn says_what_is_wrong() {
        let frames = format!("[{FRAME}]");
        let outside = frames.replace(r#""x": 16"#, r#""x": 30"#);
        let cases = [
            (file("[]", "[]"), "frames: is empty"),
            (file(&outside, "[]"), "frames[0].frame: 8x16 at (30, 0) is not inside the 32x16 picture"),
            (file(&frames.replace("\"rotated\": false", "\"rotated\": true"), "[]"), "rotated"),
            (file(&frames, r#"[{"name": "w", "from": 0, "to": 1}]"#), "meta.frameTags[0]: \"w\" is 0..1"),
            (file(&frames, r#"[{"name": "w", "from": 0, "to": 0, "direction": "up"}]"#), "\"up\" is unknown"),
            (file(&frames, "[]").replace("hero.png", "hero.png\u{0}"), "not an Aseprite sheet"),
            ("{}".into(), "missing field `frames`"),
        ];
        for (text, expected) in cases {
            let message = parse(text.as_bytes()).err().expect(expected).to_string();
            assert!(message.contains(expected), "{message}: expected {expected}");
        }
    }
}

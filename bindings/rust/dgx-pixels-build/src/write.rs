// SPDX-License-Identifier: MIT OR Apache-2.0
//! The lock as Rust.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write;

use crate::{Asset, Kind, Lock};

/// The types of the constants: the game needs no crate of ours for them.
const TYPES: &str = r#"/// A picture.
#[allow(dead_code)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageAsset {
    /// What `asset_server.load` takes.
    pub path: &'static str,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
}

/// A sprite sheet.
#[allow(dead_code)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SheetAsset {
    /// What `asset_server.load` takes.
    pub path: &'static str,
    /// The path of its picture.
    pub image: &'static str,
    /// Of a whole frame, pixels.
    pub frame_width: u32,
    /// Of a whole frame, pixels.
    pub frame_height: u32,
    /// How many frames it has.
    pub frames: usize,
    /// Clips: name, first frame, last frame.
    pub clips: &'static [(&'static str, usize, usize)],
}

/// A tile set of `columns * rows` tiles.
#[allow(dead_code)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TilesetAsset {
    /// What `asset_server.load` takes.
    pub path: &'static str,
    /// Pixels.
    pub tile_width: u32,
    /// Pixels.
    pub tile_height: u32,
    /// Tiles in a row.
    pub columns: u32,
    /// Rows of tiles.
    pub rows: u32,
}

/// Any other file.
#[allow(dead_code)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileAsset {
    /// What `asset_server.load` takes.
    pub path: &'static str,
}
"#;

const KEYWORDS: &str = " as async await box break const continue crate dyn else enum extern false fn for gen if \
    impl in let loop match mod move mut pub ref return self static struct super trait true try type \
    unsafe use where while yield abstract become do final macro override priv typeof unsized virtual ";

#[derive(Default)]
struct Folder<'a> {
    folders: BTreeMap<&'a str, Folder<'a>>,
    files: Vec<(&'a str, &'a Asset)>,
}

impl Lock {
    /// Rust source: one module a folder, one constant a file.
    pub fn to_rust(&self) -> String {
        let mut root = Folder::default();
        for asset in &self.assets {
            let mut folder = &mut root;
            let mut parts = asset.path.split('/').peekable();
            while let Some(part) = parts.next() {
                if parts.peek().is_none() {
                    folder.files.push((part, asset));
                } else {
                    folder = folder.folders.entry(part).or_default();
                }
            }
        }
        let mut text = format!("// Made from dgx-pixels.lock.json by dgx-pixels-build.\n\n{TYPES}");
        write_folder(&mut text, &root, 0);
        text
    }
}

/// `name` as an identifier that was not `taken` yet: what is no letter, digit or _ becomes _.
fn identifier(name: &str, upper: bool, taken: &mut HashSet<String>) -> String {
    let mut word: String = name.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
    word = if upper { word.to_uppercase() } else { word.to_lowercase() };
    if !word.starts_with(|c: char| c.is_alphabetic() || c == '_') {
        word.insert(0, '_');
    }
    if word.chars().all(|c| c == '_') || KEYWORDS.contains(&format!(" {word} ")) {
        word.push('_');
        word.push_str(if word.chars().all(|c| c == '_') { "0" } else { "" });
    }
    let mut unique = word.clone();
    for copy in 2.. {
        if taken.insert(unique.clone()) {
            break;
        }
        unique = format!("{word}_{copy}");
    }
    unique
}

fn write_folder(text: &mut String, folder: &Folder, depth: usize) {
    let pad = "    ".repeat(depth);
    let root = if depth == 0 { "self::".into() } else { "super::".repeat(depth) };
    let (mut constants, mut modules) = (HashSet::new(), HashSet::new());
    // The names of the types are taken in the root.
    for (name, inner) in &folder.folders {
        let module = identifier(name, false, &mut modules);
        let _ = writeln!(text, "\n{pad}/// `{name}/`.\n{pad}pub mod {module} {{");
        write_folder(text, inner, depth + 1);
        let _ = writeln!(text, "{pad}}}");
    }
    for (name, asset) in &folder.files {
        let constant = identifier(name, true, &mut constants);
        let (kind, value) = describe(asset);
        let _ = writeln!(
            text,
            "\n{pad}/// `{}`.\n{pad}#[allow(dead_code)]\n{pad}pub const {constant}: {root}{kind} =\n\
             {pad}    {root}{kind} {{ {value} }};",
            asset.path
        );
        if !asset.tags.is_empty() {
            let module = identifier(name, false, &mut modules);
            let mut clips = HashSet::new();
            let _ = writeln!(text, "\n{pad}/// The clips of `{}`.\n{pad}pub mod {module} {{", asset.path);
            for tag in &asset.tags {
                let clip = identifier(&tag.name, true, &mut clips);
                let _ = writeln!(
                    text,
                    "{pad}    #[allow(dead_code, missing_docs)]\n{pad}    pub const {clip}: &str = {:?};",
                    tag.name
                );
            }
            let _ = writeln!(text, "{pad}}}");
        }
    }
}

/// The type of the constant and its fields.
fn describe(asset: &Asset) -> (&'static str, String) {
    let path = format!("path: {:?}", asset.path);
    match asset.kind {
        Kind::Image => ("ImageAsset", format!("{path}, width: {}, height: {}", asset.width, asset.height)),
        Kind::Sheet => {
            let (width, height) = asset.frame_size();
            let clips: Vec<_> =
                asset.tags.iter().map(|t| format!("({:?}, {}, {})", t.name, t.from, t.to)).collect();
            (
                "SheetAsset",
                format!(
                    "{path}, image: {:?}, frame_width: {width}, frame_height: {height}, frames: {}, clips: &[{}]",
                    asset.image.as_deref().unwrap_or(""),
                    asset.frame_count(),
                    clips.join(", ")
                ),
            )
        }
        Kind::Tileset => (
            "TilesetAsset",
            format!(
                "{path}, tile_width: {}, tile_height: {}, columns: {}, rows: {}",
                asset.tile_width, asset.tile_height, asset.columns, asset.rows
            ),
        ),
        Kind::File => ("FileAsset", path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_identifiers_and_differ() {
        let mut taken = HashSet::new();
        let mut name = |text| identifier(text, false, &mut taken);
        assert_eq!(name("knight-idle.png"), "knight_idle_png");
        assert_eq!(name("knight_idle.png"), "knight_idle_png_2");
        assert_eq!(name("2d"), "_2d");
        assert_eq!(name("type"), "type_");
        assert_eq!(name("é"), "é");
        assert_eq!(name("-"), "__0");
    }
}

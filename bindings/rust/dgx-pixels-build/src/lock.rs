// SPDX-License-Identifier: MIT OR Apache-2.0
//! `dgx-pixels.lock.json`, as far as constants need it.

use std::path::{Component, Path, PathBuf};
use std::{fs, io};

use serde::Deserialize;
use sha2::{Digest, Sha256};

/// What was deployed: format 1 of `dgx-pixels.lock.json`.
#[derive(Debug, Default, Clone, Deserialize)]
pub struct Lock {
    format: u32,
    /// Sorted by path.
    pub assets: Vec<Asset>,
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A PNG.
    Image,
    /// Aseprite JSON.
    Sheet,
    /// A PNG whose `.meta` cuts it into tiles.
    Tileset,
    /// Anything else.
    File,
}

/// One deployed file.
#[derive(Debug, Clone, Deserialize)]
pub struct Asset {
    /// Relative to the assets folder, as `asset_server.load` takes it.
    pub path: String,
    /// What it is.
    pub kind: Kind,
    /// Of its bytes, lower-case hex.
    pub sha256: String,
    /// Of the picture, pixels; 0 of a `File`.
    #[serde(default)]
    pub width: u32,
    /// Pixels.
    #[serde(default)]
    pub height: u32,
    /// Of a sheet: its picture's path.
    pub image: Option<String>,
    /// Of a sheet.
    #[serde(default)]
    frames: Vec<FrameEntry>,
    /// Of a sheet: its clips.
    #[serde(default)]
    pub tags: Vec<Tag>,
    /// Of a tile set, pixels.
    #[serde(default)]
    pub tile_width: u32,
    /// Pixels.
    #[serde(default)]
    pub tile_height: u32,
    /// Of a tile set.
    #[serde(default)]
    pub columns: u32,
    /// Of a tile set.
    #[serde(default)]
    pub rows: u32,
}

#[derive(Debug, Clone, Deserialize)]
struct FrameEntry {
    source_width: u32,
    source_height: u32,
}

/// A clip of a sheet.
#[derive(Debug, Clone, Deserialize)]
pub struct Tag {
    /// Its name.
    pub name: String,
    /// Its first frame.
    pub from: u32,
    /// Its last frame.
    pub to: u32,
}

/// Why a lock file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system's reason.
    #[error("{}: {}", .0.display(), .1)]
    Io(PathBuf, #[source] io::Error),
    /// It breaks its format's rules.
    #[error("{}: {}", .0.display(), .1)]
    Json(PathBuf, #[source] serde_json::Error),
    /// Of another version.
    #[error("{}: format {} is unknown to this version of dgx-pixels-build, which reads format 1", .0.display(), .1)]
    Format(PathBuf, u32),
    /// A path that leaves the assets folder.
    #[error("{}: \"{}\" must stay inside the assets folder", .0.display(), .1)]
    Path(PathBuf, String),
}

impl Lock {
    /// Read and check one.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = fs::read_to_string(path).map_err(|error| Error::Io(path.into(), error))?;
        let lock: Lock = serde_json::from_str(&text).map_err(|error| Error::Json(path.into(), error))?;
        if lock.format != 1 {
            return Err(Error::Format(path.into(), lock.format));
        }
        let leaves = |asset: &&Asset| {
            Path::new(&asset.path).components().any(|part| !matches!(part, Component::Normal(_)))
        };
        match lock.assets.iter().find(leaves) {
            Some(asset) => Err(Error::Path(path.into(), asset.path.clone())),
            None => Ok(lock),
        }
    }

    /// A sentence for each file that is missing or differs from what was deployed.
    pub fn check(&self, assets: &Path) -> Vec<String> {
        self.assets.iter().filter_map(|asset| asset.check(assets)).collect()
    }
}

impl Asset {
    fn check(&self, assets: &Path) -> Option<String> {
        let path = assets.join(&self.path);
        let said = match fs::read(&path) {
            Ok(bytes) => {
                let hash: String = Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect();
                if hash == self.sha256 {
                    return None;
                }
                "differs from dgx-pixels.lock.json: edited by hand, or not committed together".into()
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                "is missing, but dgx-pixels.lock.json names it: `dgx-pixels build` makes it again".into()
            }
            Err(error) => error.to_string(),
        };
        Some(format!("{}: {said}", path.display()))
    }

    /// The size of a whole frame of a sheet.
    pub fn frame_size(&self) -> (u32, u32) {
        self.frames.first().map_or((0, 0), |frame| (frame.source_width, frame.source_height))
    }

    /// How many frames a sheet has.
    pub fn frame_count(&self) -> usize {
        self.frames.len()
    }
}

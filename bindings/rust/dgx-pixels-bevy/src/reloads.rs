// SPDX-License-Identifier: MIT OR Apache-2.0
//! A record of every image that came from a file: which pixels the game holds, and since when.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;

use bevy::asset::AssetLoadFailedEvent;
use bevy::image::Image;
use bevy::prelude::*;

use serde::Serialize;
use sha2::{Digest, Sha256};
// The clock of `std` panics in a browser.
use web_time::{SystemTime, UNIX_EPOCH};
use wgpu_types::TextureFormat;

/// Larger pictures are recorded without a hash: it is taken on the main thread.
const HASH_LIMIT: usize = 16 << 20;

/// Every image that was loaded from a path, by that path (as `asset_server.load` takes it).
///
/// Reflected, so that `world.get_resources` of the Bevy Remote Protocol can read it with no more than
/// this plugin.  A picture that the game changes itself counts as reloaded, too: Bevy reports both alike.
#[derive(Resource, Reflect, Debug, Default, Clone, PartialEq, Serialize)]
#[reflect(Resource)]
pub struct DgxPixelsReloads {
    /// By path.
    pub images: BTreeMap<String, Reload>,
}

/// What became of one image.
#[derive(Reflect, Debug, Default, Clone, PartialEq, Serialize)]
pub struct Reload {
    /// 1 after the first load, one more after each that ended since, failed ones too.
    pub generation: u64,
    /// Pixels, of the image that the game holds; 0 before there is one.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// 1, or how many tiles an array image has.
    pub layers: u32,
    /// SHA-256, lower-case hex, of the decoded RGBA8 pixels: rows top-down, layer after layer.  `None` when
    /// the image is not RGBA8, lies on the GPU only, or has more than 16 MiB.
    pub hash: Option<String>,
    /// How the last load ended.
    pub state: LoadPhase,
    /// Why it failed.
    pub error: Option<String>,
    /// When it ended, milliseconds since 1970.
    pub unix_ms: u64,
}

/// Where a load stands.
#[derive(Reflect, Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LoadPhase {
    /// Begun, not ended yet.
    #[default]
    Loading,
    /// The game holds these pixels.
    Loaded,
    /// The last attempt failed; the pixels before it, if any, stay.
    Failed,
    /// The game has let go of it.
    Dropped,
}

impl DgxPixelsReloads {
    /// By path, as `asset_server.load` takes it.
    pub fn get(&self, path: &str) -> Option<&Reload> {
        self.images.get(path)
    }
}

/// The hex digits of SHA-256.
fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl Reload {
    fn ended(&mut self, state: LoadPhase, error: Option<String>) {
        self.generation += 1;
        self.state = state;
        self.error = error;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.unix_ms = now.as_millis() as u64;
    }

    fn describe(&mut self, image: &Image) {
        let size = image.texture_descriptor.size;
        (self.width, self.height, self.layers) = (size.width, size.height, size.depth_or_array_layers);
        let rgba8 = matches!(
            image.texture_descriptor.format,
            TextureFormat::Rgba8Unorm | TextureFormat::Rgba8UnormSrgb
        );
        let bytes = image.data.as_ref().filter(|bytes| rgba8 && bytes.len() <= HASH_LIMIT);
        self.hash = bytes.map(|bytes| hash(bytes));
    }
}

/// The system behind [`DgxPixelsReloads`].  It runs before the renderer may take an image's pixels away.
pub(crate) fn record(
    mut events: MessageReader<AssetEvent<Image>>,
    mut failures: MessageReader<AssetLoadFailedEvent<Image>>,
    images: Res<Assets<Image>>,
    server: Res<AssetServer>,
    mut reloads: ResMut<DgxPixelsReloads>,
    mut paths: Local<HashMap<AssetId<Image>, String>>,
) {
    for failure in failures.read() {
        let entry = reloads.images.entry(failure.path.to_string()).or_default();
        entry.ended(LoadPhase::Failed, Some(failure.error.to_string()));
    }
    for event in events.read() {
        match *event {
            AssetEvent::Added { id } | AssetEvent::Modified { id } => {
                let (Some(path), Some(image)) = (server.get_path(id), images.get(id)) else { continue };
                let path = path.to_string();
                let entry = reloads.images.entry(path.clone()).or_default();
                entry.describe(image);
                entry.ended(LoadPhase::Loaded, None);
                paths.insert(id, path);
            }
            AssetEvent::Removed { id } => {
                let entry = paths.remove(&id).and_then(|path| reloads.images.get_mut(&path));
                if let Some(entry) = entry {
                    entry.state = LoadPhase::Dropped;
                }
            }
            _ => {}
        }
    }
}

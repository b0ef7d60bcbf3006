// SPDX-License-Identifier: MIT OR Apache-2.0
#![doc = include_str!("../README.md")]

mod clip;
mod loader;
mod player;
mod reloads;
mod sheet;

#[cfg(feature = "brp")]
mod brp;
#[cfg(feature = "materials")]
mod material;

pub use clip::{Clip, Direction};
pub use loader::{SheetError, SpriteSheetLoader};
#[cfg(feature = "materials")]
pub use material::{LitSprite, MaterialsPlugin, SheetMaterial, SheetMaterialPlugin, SwappedSprite, WHOLE};
pub use player::{ClipFinished, ClipOrigin, ClipPlayer};
pub use reloads::{DgxPixelsReloads, LoadPhase, Reload};
pub use sheet::{Frame, Slice, SpriteSheet};

use bevy::asset::AssetEventSystems;
use bevy::prelude::*;

/// Everything at once: the [`SpriteSheet`] loader, [`ClipPlayer`], [`DgxPixelsReloads`], and, with the
/// feature `brp`, the methods `dgx_pixels/status` and `dgx_pixels/reload`.
///
/// Add it after [`AssetPlugin`] and the image plugin, so after `DefaultPlugins`.  The methods need
/// `RemotePlugin` (or a plugin that adds it) anywhere in the app; without it the app says so in its log
/// and works all the same.
#[derive(Debug, Default, Clone, Copy)]
pub struct DgxPixelsPlugin;

impl Plugin for DgxPixelsPlugin {
    fn build(&self, app: &mut App) {
        app.init_asset::<SpriteSheet>()
            .init_asset_loader::<SpriteSheetLoader>()
            .init_resource::<DgxPixelsReloads>()
            .register_type::<DgxPixelsReloads>()
            .register_type::<ClipPlayer>()
            .add_message::<ClipFinished>()
            .add_systems(Update, player::advance)
            .add_systems(PostUpdate, reloads::record.after(AssetEventSystems));
        if !app.world().contains_resource::<Assets<TextureAtlasLayout>>() {
            app.init_asset::<TextureAtlasLayout>();
        }
    }

    #[cfg(feature = "brp")]
    fn finish(&self, app: &mut App) {
        brp::register(app);
    }
}

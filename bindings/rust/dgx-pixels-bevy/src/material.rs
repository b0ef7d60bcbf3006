// SPDX-License-Identifier: MIT OR Apache-2.0
//! Materials for what `dgx-pixels normal` and `dgx-pixels recolor --strip` make.

use bevy::asset::{AssetPath, embedded_asset, embedded_path};
use bevy::prelude::*;
use bevy::render::render_resource::AsBindGroup;
use bevy::shader::ShaderRef;
use bevy::sprite_render::{AlphaMode2d, Material2d, Material2dPlugin};

/// The whole picture, as `region` of both materials.
pub const WHOLE: Vec4 = Vec4::new(0.0, 0.0, 1.0, 1.0);

/// A sprite under one lamp, by its normal map.  It is drawn on a [`Mesh2d`], mostly a rectangle of the
/// sprite's size, however turned, mirrored or scaled.
///
/// ```
/// # use bevy::prelude::*;
/// # use bevy::sprite_render::MeshMaterial2d;
/// # use dgx_pixels_bevy::LitSprite;
/// fn setup(mut commands: Commands, assets: Res<AssetServer>, mut meshes: ResMut<Assets<Mesh>>,
///          mut materials: ResMut<Assets<LitSprite>>) {
///     let lit = LitSprite::new(assets.load("sprites/hero.png"), assets.load("sprites/hero.n.png"));
///     commands.spawn((Mesh2d(meshes.add(Rectangle::new(32.0, 32.0))), MeshMaterial2d(materials.add(lit))));
/// }
/// ```
///
/// The map must be loaded as it is and not as sRGB: `dgx-pixels deploy` says so in the `.meta` of every
/// `NAME.n.png`.
#[derive(Asset, TypePath, AsBindGroup, Debug, Clone)]
pub struct LitSprite {
    /// The sprite, or a sheet.
    #[texture(0)]
    #[sampler(1)]
    pub image: Handle<Image>,
    /// Its normal map, green upwards.
    #[texture(2)]
    #[sampler(3)]
    pub normals: Handle<Image>,
    /// Where the lamp is in the world, z before the sprites; w is how far away it is half as bright, 0
    /// makes it as bright everywhere.
    #[uniform(4)]
    pub lamp: Vec4,
    /// The lamp's color and strength.
    #[uniform(4)]
    pub color: LinearRgba,
    /// The light that is everywhere.
    #[uniform(4)]
    pub ambient: LinearRgba,
    /// The part of the picture that is shown: corner and size, 0..1 ([`WHOLE`]).
    #[uniform(4)]
    pub region: Vec4,
}

impl LitSprite {
    /// Under a lamp of daylight at the upper left, with some light everywhere.
    pub fn new(image: Handle<Image>, normals: Handle<Image>) -> Self {
        Self {
            image,
            normals,
            lamp: Vec4::new(-1e4, 1e4, 1e4, 0.0),
            color: LinearRgba::WHITE,
            ambient: LinearRgba::rgb(0.2, 0.2, 0.25),
            region: WHOLE,
        }
    }
}

impl Material2d for LitSprite {
    fn fragment_shader() -> ShaderRef {
        ShaderRef::Path(AssetPath::from_path_buf(embedded_path!("lit.wgsl")).with_source("embedded"))
    }

    fn alpha_mode(&self) -> AlphaMode2d {
        AlphaMode2d::Blend
    }
}

/// A sprite in other colors, by the strip that `dgx-pixels recolor --strip` makes: its first row has the
/// sprite's colors, each row below those of a colorway.  What is in no column stays as it is.
#[derive(Asset, TypePath, AsBindGroup, Debug, Clone)]
pub struct SwappedSprite {
    /// The sprite, or a sheet.
    #[texture(0)]
    #[sampler(1)]
    pub image: Handle<Image>,
    /// Colors side by side, colorways one below the other.
    #[texture(2)]
    pub strip: Handle<Image>,
    /// The part of the picture that is shown: corner and size, 0..1 ([`WHOLE`]).
    #[uniform(3)]
    pub region: Vec4,
    /// The colorway; 0 is the sprite as it is.
    #[uniform(3)]
    pub row: u32,
}

impl SwappedSprite {
    /// The whole picture in this colorway.
    pub fn new(image: Handle<Image>, strip: Handle<Image>, row: u32) -> Self {
        Self { image, strip, region: WHOLE, row }
    }
}

impl Material2d for SwappedSprite {
    fn fragment_shader() -> ShaderRef {
        ShaderRef::Path(AssetPath::from_path_buf(embedded_path!("swapped.wgsl")).with_source("embedded"))
    }

    fn alpha_mode(&self) -> AlphaMode2d {
        AlphaMode2d::Blend
    }
}

/// Makes [`LitSprite`] and [`SwappedSprite`] known; add it after `DefaultPlugins`.
#[derive(Debug, Default, Clone, Copy)]
pub struct MaterialsPlugin;

impl Plugin for MaterialsPlugin {
    fn build(&self, app: &mut App) {
        embedded_asset!(app, "lit.wgsl");
        embedded_asset!(app, "swapped.wgsl");
        app.add_plugins((
            Material2dPlugin::<LitSprite>::default(),
            Material2dPlugin::<SwappedSprite>::default(),
        ));
    }
}

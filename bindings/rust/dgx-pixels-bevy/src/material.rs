// SPDX-License-Identifier: MIT OR Apache-2.0
//! Materials for what `dgx-pixels normal` and `dgx-pixels recolor --strip` make.

use std::hash::Hash;
use std::marker::PhantomData;

use bevy::asset::{AssetPath, embedded_asset, embedded_path};
use bevy::prelude::*;
use bevy::render::render_resource::AsBindGroup;
use bevy::shader::ShaderRef;
use bevy::sprite_render::{AlphaMode2d, Material2d, Material2dPlugin};

use crate::{ClipPlayer, SpriteSheet, player};

/// The whole picture, as `region` of both materials.
pub const WHOLE: Vec4 = Vec4::new(0.0, 0.0, 1.0, 1.0);

/// A material that shows a part of a picture, so that a [`ClipPlayer`] beside it can play a sheet.
///
/// Implement it for a material of your own and add its [`SheetMaterialPlugin`].
pub trait SheetMaterial: Material2d {
    /// The part that is shown: corner and size, 0..1.
    fn region(&self) -> Vec4;
    /// Show another one.
    fn set_region(&mut self, region: Vec4);
}

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
/// A [`ClipPlayer`] beside it plays a sheet: the picture and the map are then those of the whole sheet, the
/// rectangle has the size of a frame, and each entity has a material of its own.
///
/// ```
/// # use bevy::prelude::*;
/// # use bevy::sprite_render::MeshMaterial2d;
/// # use dgx_pixels_bevy::{ClipPlayer, LitSprite};
/// # fn setup(mut commands: Commands, assets: Res<AssetServer>, mut meshes: ResMut<Assets<Mesh>>,
/// #          mut materials: ResMut<Assets<LitSprite>>) {
/// # let lit = LitSprite::new(assets.load("sprites/hero.png"), assets.load("sprites/hero.n.png"));
/// commands.spawn((
///     ClipPlayer::new(assets.load("sprites/hero.json"), "walk"),
///     Mesh2d(meshes.add(Rectangle::new(36.0, 36.0))),
///     MeshMaterial2d(materials.add(lit)),
/// ));
/// # }
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

impl SheetMaterial for LitSprite {
    fn region(&self) -> Vec4 {
        self.region
    }

    fn set_region(&mut self, region: Vec4) {
        self.region = region;
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

impl SheetMaterial for SwappedSprite {
    fn region(&self) -> Vec4 {
        self.region
    }

    fn set_region(&mut self, region: Vec4) {
        self.region = region;
    }
}

/// Moves each material's region to the frame that its player shows.  A player brings a [`Sprite`], which
/// would be drawn as well: it goes.
fn show<M: SheetMaterial>(
    mut commands: Commands,
    sheets: Res<Assets<SpriteSheet>>,
    layouts: Res<Assets<TextureAtlasLayout>>,
    mut materials: ResMut<Assets<M>>,
    players: Query<(Entity, &ClipPlayer, &MeshMaterial2d<M>, Has<Sprite>)>,
) {
    for (entity, player, material, has_sprite) in &players {
        if has_sprite {
            commands.entity(entity).remove::<Sprite>();
        }
        let layout = sheets.get(&player.sheet).and_then(|sheet| layouts.get(&sheet.layout));
        let (Some(layout), Some(frame)) = (layout, player.frame()) else { continue };
        let Some(part) = layout.textures.get(frame) else { continue };
        let (corner, side) = (part.min.as_vec2(), part.size().as_vec2());
        let whole = layout.size.as_vec2();
        let region = (corner / whole).extend(side.x / whole.x).extend(side.y / whole.y);
        if materials.get(&material.0).is_some_and(|shown| shown.region() != region)
            && let Some(mut shown) = materials.get_mut(&material.0)
        {
            shown.set_region(region);
        }
    }
}

/// Makes one [`SheetMaterial`] known, and lets [`ClipPlayer`]s play on it.
#[derive(Debug)]
pub struct SheetMaterialPlugin<M>(PhantomData<M>);

impl<M> Default for SheetMaterialPlugin<M> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<M: SheetMaterial> Plugin for SheetMaterialPlugin<M>
where
    M::Data: PartialEq + Eq + Hash + Clone,
{
    fn build(&self, app: &mut App) {
        app.add_plugins(Material2dPlugin::<M>::default())
            .add_systems(Update, show::<M>.after(player::advance));
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
            SheetMaterialPlugin::<LitSprite>::default(),
            SheetMaterialPlugin::<SwappedSprite>::default(),
        ));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::Frame;

    /// A sheet of 2 by 2 frames of 8 by 4 pixels, a tenth of a second each.
    fn app() -> (App, Entity, Handle<LitSprite>) {
        let mut app = App::new();
        app.add_plugins((MinimalPlugins, AssetPlugin::default()))
            .init_asset::<Image>()
            .init_asset::<SpriteSheet>()
            .init_asset::<TextureAtlasLayout>()
            .init_asset::<LitSprite>()
            .add_message::<crate::ClipFinished>()
            .add_systems(Update, (player::advance, show::<LitSprite>).chain());
        let layout = TextureAtlasLayout::from_grid(UVec2::new(8, 4), 2, 2, None, None);
        let layout = app.world_mut().resource_mut::<Assets<TextureAtlasLayout>>().add(layout);
        let frame = Frame {
            name: String::new(),
            duration: Duration::from_secs(100),
            source: Rect::new(0., 0., 8., 4.),
            size: Vec2::new(8., 4.),
        };
        let clip = |name: &str, at| crate::Clip { name: name.into(), first: at, last: at, ..default() };
        let sheet = SpriteSheet {
            image: Handle::default(),
            layout,
            frames: vec![frame; 4],
            clips: vec![clip("idle", 1), clip("jump", 2)],
            slices: vec![],
        };
        let sheet = app.world_mut().resource_mut::<Assets<SpriteSheet>>().add(sheet);
        let lit = LitSprite::new(Handle::default(), Handle::default());
        let lit = app.world_mut().resource_mut::<Assets<LitSprite>>().add(lit);
        let entity =
            app.world_mut().spawn((ClipPlayer::new(sheet, "idle"), MeshMaterial2d(lit.clone()))).id();
        (app, entity, lit)
    }

    #[test]
    fn a_player_moves_the_region_of_its_material() {
        let (mut app, entity, lit) = app();
        let region = |app: &App| app.world().resource::<Assets<LitSprite>>().get(&lit).unwrap().region;
        assert_eq!(region(&app), WHOLE);
        assert!(app.world().entity(entity).contains::<Sprite>());
        app.update();
        assert_eq!(region(&app), Vec4::new(0.5, 0.0, 0.5, 0.5));
        assert!(!app.world().entity(entity).contains::<Sprite>(), "it would be drawn over the mesh");
        app.world_mut().get_mut::<ClipPlayer>(entity).unwrap().play("jump");
        app.update();
        assert_eq!(region(&app), Vec4::new(0.0, 0.5, 0.5, 0.5));
        assert_eq!(app.world().get::<ClipPlayer>(entity).unwrap().frame(), Some(2));
    }
}

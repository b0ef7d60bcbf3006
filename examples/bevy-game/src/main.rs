// SPDX-License-Identifier: MIT OR Apache-2.0
//! A small scene: a hero to walk about with, a knight who runs on the spot, a floor; at the right the hero
//! again, under a lamp that A and D move, and in another team's colors.  Paint over any of them while it runs:
//!
//!     dgx-pixels generate character "medieval knight" --deploy --to sprites/hero.png

use bevy::prelude::*;
use bevy::sprite_render::MeshMaterial2d;
use dgx_pixels_bevy::{
    ClipPlayer, DgxPixelsPlugin, DgxPixelsReloads, LitSprite, LoadPhase, MaterialsPlugin, SwappedSprite,
};

/// What stands in dgx-pixels.lock.json: a file that is not there is an error of the compiler.
mod assets {
    include!(concat!(env!("OUT_DIR"), "/dgx_pixels_assets.rs"));
}
use assets::{sprites, tiles};

/// Sprite pixels are drawn so large; a whole number keeps them square.
const SCALE: f32 = 4.0;
const WINDOW: UVec2 = UVec2::new(640, 384);
const SPEED: f32 = 160.0;

#[derive(Component)]
struct Hero;

#[derive(Component)]
struct Caption;

/// Where the light of what has a normal map is, in the world.
#[derive(Resource, Reflect)]
#[reflect(Resource)]
struct Lamp {
    place: Vec3,
}

fn main() {
    let window = Window {
        title: "DGX-Pixels: prompt to game".into(),
        resolution: WINDOW.into(),
        resizable: false,
        ..default()
    };
    let mut app = App::new();
    app.add_plugins((
        DefaultPlugins
            .set(ImagePlugin::default_nearest())
            .set(WindowPlugin { primary_window: Some(window), ..default() }),
        DgxPixelsPlugin,
        MaterialsPlugin,
    ))
    .register_type::<Lamp>()
    .insert_resource(Lamp { place: Vec3::new(-40.0, 60.0, 60.0) })
    .insert_resource(ClearColor(Color::srgb_u8(34, 32, 52)))
    .add_systems(Startup, (setup, stand))
    .add_systems(Update, (walk, carry, tell));
    // Screenshots, and the port that `dgx-pixels deploy --confirm` asks.
    #[cfg(feature = "dev")]
    app.add_plugins(bevy_brp_extras::BrpExtrasPlugin::default());
    app.run();
}

fn setup(mut commands: Commands, server: Res<AssetServer>) {
    commands.spawn((Camera2d, Msaa::Off));
    let large = Transform::from_scale(Vec3::splat(SCALE));

    let floor = tiles::FLOOR_PNG;
    let side = SCALE * floor.width as f32;
    let image: Handle<Image> = server.load(floor.path);
    for column in 0..(WINDOW.x as f32 / side).ceil() as u32 {
        let x = (column as f32 + 0.5) * side - WINDOW.x as f32 / 2.0;
        let y = side / 2.0 - WINDOW.y as f32 / 2.0;
        commands.spawn((Sprite::from_image(image.clone()), large.with_translation(Vec3::new(x, y, -1.0))));
    }

    commands.spawn((Hero, Sprite::from_image(server.load(sprites::HERO_PNG.path)), large));

    let knight = sprites::KNIGHT_JSON;
    let middle = side - WINDOW.y as f32 / 2.0 + SCALE * knight.frame_height as f32 / 2.0;
    commands.spawn((
        ClipPlayer::new(server.load(knight.path), sprites::knight_json::RUN),
        large.with_translation(Vec3::new(-220.0, middle, 0.0)),
    ));

    let caption = Vec3::new(0.0, WINDOW.y as f32 / 2.0 - 24.0, 1.0);
    commands.spawn((
        Caption,
        Text2d::default(),
        TextFont::from_font_size(14.0),
        Transform::from_translation(caption),
    ));
}

/// What the materials of the plugin draw: the hero under the lamp, and in a colorway of the strip.
fn stand(
    mut commands: Commands,
    server: Res<AssetServer>,
    mut meshes: ResMut<Assets<Mesh>>,
    mut lit: ResMut<Assets<LitSprite>>,
    mut swapped: ResMut<Assets<SwappedSprite>>,
) {
    let hero = sprites::HERO_PNG;
    let image: Handle<Image> = server.load(hero.path);
    let mesh = meshes.add(Rectangle::new(hero.width as f32, hero.height as f32));
    let at = |x| Transform::from_scale(Vec3::splat(SCALE)).with_translation(Vec3::new(x, 0.0, 0.0));
    let normals = server.load(sprites::HERO_N_PNG.path);
    let strip = server.load(sprites::HERO_TEAMS_PNG.path);
    commands.spawn((
        Mesh2d(mesh.clone()),
        MeshMaterial2d(lit.add(LitSprite::new(image.clone(), normals))),
        at(140.0),
    ));
    commands.spawn((
        Mesh2d(mesh),
        MeshMaterial2d(swapped.add(SwappedSprite::new(image, strip, 1))),
        at(240.0),
    ));
}

/// The lamp goes where A and D say.
fn carry(
    keys: Res<ButtonInput<KeyCode>>,
    time: Res<Time>,
    mut lamp: ResMut<Lamp>,
    mut lit: ResMut<Assets<LitSprite>>,
) {
    let step = keys.pressed(KeyCode::KeyD) as i8 - keys.pressed(KeyCode::KeyA) as i8;
    if step != 0 {
        lamp.place.x += step as f32 * SPEED * time.delta_secs();
    }
    if lamp.is_changed() {
        for (_, material) in lit.iter_mut() {
            material.lamp = lamp.place.extend(0.0);
        }
    }
}

/// The hero goes where the arrow keys say.
fn walk(
    keys: Res<ButtonInput<KeyCode>>,
    time: Res<Time>,
    mut heroes: Query<(&mut Transform, &mut Sprite), With<Hero>>,
) {
    let axis = |low, high| keys.pressed(high) as i8 as f32 - keys.pressed(low) as i8 as f32;
    let step =
        Vec2::new(axis(KeyCode::ArrowLeft, KeyCode::ArrowRight), axis(KeyCode::ArrowDown, KeyCode::ArrowUp));
    if step == Vec2::ZERO {
        return;
    }
    for (mut transform, mut sprite) in &mut heroes {
        let moved = transform.translation.truncate() + step * SPEED * time.delta_secs();
        let room = WINDOW.as_vec2() / 2.0;
        transform.translation = moved.clamp(-room, room).extend(0.0);
        if step.x != 0.0 {
            sprite.flip_x = step.x < 0.0;
        }
    }
}

/// What the game holds of the hero, and since how many reloads.
fn tell(reloads: Res<DgxPixelsReloads>, mut captions: Query<&mut Text2d, With<Caption>>) {
    if !reloads.is_changed() {
        return;
    }
    let path = sprites::HERO_PNG.path;
    let said = match reloads.get(path) {
        Some(reload) if reload.state == LoadPhase::Loaded => {
            format!("{path}: {} x {} pixels, loaded {} times", reload.width, reload.height, reload.generation)
        }
        Some(reload) => format!("{path}: {}", reload.error.as_deref().unwrap_or("loading")),
        None => format!("{path}: loading"),
    };
    for mut caption in &mut captions {
        caption.0 = said.clone();
    }
}

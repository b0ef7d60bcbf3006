// SPDX-License-Identifier: MIT OR Apache-2.0
//! A Bevy app without a window, and files that change under it as `dgx-pixels deploy` changes them:
//! staged outside `assets/`, flushed, renamed in, the `.meta` first.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use bevy::app::TaskPoolPlugin;
use bevy::asset::{AssetLoadFailedEvent, AssetPlugin};
use bevy::image::{CompressedImageFormats, ImageLoader, ImagePlugin, ImageSampler};
use bevy::prelude::*;
use dgx_pixels_bevy::{DgxPixelsPlugin, DgxPixelsReloads, LoadPhase, Reload, SpriteSheet};
use sha2::{Digest, Sha256};

/// The claim: a reload is seen within this time.
const CLAIM: Duration = Duration::from_secs(2);

/// One picture: its pixels, and what the game must say about them.
struct Picture {
    width: u32,
    height: u32,
    png: Vec<u8>,
    hash: String,
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Noise, so that the file is large for its size and a part of it cannot be taken for the whole.
fn picture(width: u32, height: u32, seed: u32) -> Picture {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    let rgba: Vec<u8> = (0..width * height)
        .flat_map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            let [r, g, b, a] = state.to_le_bytes();
            if a < 128 { [0; 4] } else { [r, g, b, 255] }
        })
        .collect();
    let hash = sha256(&rgba);
    let mut png = Cursor::new(Vec::new());
    let image = image::RgbaImage::from_raw(width, height, rgba).unwrap();
    image.write_to(&mut png, image::ImageFormat::Png).unwrap();
    Picture { width, height, png: png.into_inner(), hash }
}

fn meta(filter: &str, layout: &str) -> Vec<u8> {
    format!(
        r#"(meta_format_version: "1.0", asset: Load(loader: "bevy_image::image_loader::ImageLoader",
        settings: (format: FromExtension, is_srgb: true, sampler: Descriptor(ImageSamplerDescriptor(
            address_mode_u: ClampToEdge, address_mode_v: ClampToEdge, address_mode_w: ClampToEdge,
            mag_filter: {filter}, min_filter: {filter}, mipmap_filter: {filter}, lod_min_clamp: 0,
            lod_max_clamp: 32.0, compare: None, anisotropy_clamp: 1, border_color: None, label: None)),
        asset_usage: RenderAssetUsages("RENDER_WORLD | MAIN_WORLD"), {layout})))"#
    )
    .into_bytes()
}

/// A project's folder.
struct Project(tempfile::TempDir);

impl Project {
    fn new() -> Self {
        let project = Project(tempfile::tempdir().unwrap());
        fs::create_dir_all(project.assets().join("sprites")).unwrap();
        fs::create_dir_all(project.path().join(".dgx-pixels/staging")).unwrap();
        project
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn assets(&self) -> PathBuf {
        self.path().join("assets")
    }

    fn deploy(&self, name: &str, bytes: &[u8]) {
        deploy(self.path(), name, bytes);
    }
}

fn deploy(project: &Path, name: &str, bytes: &[u8]) {
    let staged = project.join(".dgx-pixels/staging").join(Path::new(name).file_name().unwrap());
    let mut file = File::create(&staged).unwrap();
    file.write_all(bytes).unwrap();
    file.sync_all().unwrap();
    fs::rename(staged, project.join("assets").join(name)).unwrap();
}

/// Every failure, ever.
#[derive(Resource, Default)]
struct Failures(Vec<String>);

/// Every image that the game ever held, by size and hash.
#[derive(Resource, Default)]
struct Seen(HashSet<(u32, u32, String)>);

struct Game {
    app: App,
}

impl Game {
    fn new(project: &Project) -> Self {
        let mut app = App::new();
        app.add_plugins((
            TaskPoolPlugin::default(),
            AssetPlugin {
                file_path: project.assets().to_str().unwrap().into(),
                watch_for_changes_override: Some(true),
                ..default()
            },
            ImagePlugin::default_nearest(),
        ));
        // Without bevy_render nobody registers the loader that ImagePlugin announces.
        app.register_asset_loader(ImageLoader::new(CompressedImageFormats::empty()));
        app.add_plugins(DgxPixelsPlugin).init_resource::<Failures>().init_resource::<Seen>();
        app.add_systems(
            Last,
            |mut failed: MessageReader<AssetLoadFailedEvent<Image>>,
             mut failures: ResMut<Failures>,
             mut seen: ResMut<Seen>,
             reloads: Res<DgxPixelsReloads>| {
                failures.0.extend(failed.read().map(|failure| failure.error.to_string()));
                for reload in reloads.images.values() {
                    if let Some(hash) = &reload.hash {
                        seen.0.insert((reload.width, reload.height, hash.clone()));
                    }
                }
            },
        );
        app.finish();
        app.cleanup();
        Game { app }
    }

    fn load<A: Asset>(&self, path: &'static str) -> Handle<A> {
        self.app.world().resource::<AssetServer>().load(path)
    }

    fn reload(&self, path: &str) -> Reload {
        self.app.world().resource::<DgxPixelsReloads>().get(path).cloned().unwrap_or_default()
    }

    /// Run the game until `done`; how long that took.
    fn run_until(&mut self, what: &str, done: impl Fn(&Game) -> bool) -> Duration {
        let began = Instant::now();
        while !done(self) {
            assert!(began.elapsed() < Duration::from_secs(10), "not seen in 10 s: {what}");
            self.app.update();
            sleep(Duration::from_millis(4));
        }
        let took = began.elapsed();
        assert!(took <= CLAIM, "{what}: {took:?}");
        took
    }

    fn wait_for(&mut self, path: &str, picture: &Picture) -> Duration {
        let took = self.run_until(&format!("{path} of {}x{}", picture.width, picture.height), |game| {
            game.reload(path).hash.as_ref() == Some(&picture.hash)
        });
        let reload = self.reload(path);
        assert_eq!((reload.width, reload.height, reload.layers), (picture.width, picture.height, 1));
        assert_eq!((reload.state, &reload.error), (LoadPhase::Loaded, &None));
        took
    }

    fn failures(&self) -> &[String] {
        &self.app.world().resource::<Failures>().0
    }
}

#[test]
fn a_new_file_is_seen() {
    let project = Project::new();
    let mut game = Game::new(&project);
    // Asked for before it is there: the load fails, and the file's arrival mends it.
    let _early: Handle<Image> = game.load("sprites/early.png");
    game.run_until("the failure", |game| game.reload("sprites/early.png").state == LoadPhase::Failed);
    let failed = game.reload("sprites/early.png");
    assert_eq!((failed.generation, failed.hash), (1, None));
    assert!(failed.error.unwrap().contains("early.png"));
    let hero = picture(32, 48, 1);
    project.deploy("sprites/early.png.meta", &meta("Nearest", ""));
    project.deploy("sprites/early.png", &hero.png);
    game.wait_for("sprites/early.png", &hero);
    assert_eq!(game.reload("sprites/early.png").generation, 2);
    // Asked for when it is there.
    project.deploy("sprites/late.png", &hero.png);
    let _late: Handle<Image> = game.load("sprites/late.png");
    game.wait_for("sprites/late.png", &hero);
    assert_eq!(game.reload("sprites/late.png").generation, 1);
}

#[test]
fn a_changed_meta_is_seen() {
    let project = Project::new();
    let mut game = Game::new(&project);
    let tiles = picture(32, 48, 2);
    project.deploy("sprites/tiles.png.meta", &meta("Nearest", ""));
    project.deploy("sprites/tiles.png", &tiles.png);
    let handle: Handle<Image> = game.load("sprites/tiles.png");
    game.wait_for("sprites/tiles.png", &tiles);
    let sampler = |game: &Game| {
        let images = game.app.world().resource::<Assets<Image>>();
        match &images.get(&handle).unwrap().sampler {
            ImageSampler::Descriptor(descriptor) => format!("{:?}", descriptor.mag_filter),
            ImageSampler::Default => "default".into(),
        }
    };
    assert_eq!(sampler(&game), "Nearest");
    project.deploy("sprites/tiles.png.meta", &meta("Linear", ""));
    // Not by generation: the watcher may still report the picture's own arrival.
    game.run_until("the sampler", |game| sampler(game) == "Linear");
    // A grid of 16x16 tiles as an array: the hash is that of the tiles one after the other.
    let grid = "array_layout: Some(GridSize(tile_width_pixels: 16, tile_height_pixels: 16))";
    project.deploy("sprites/tiles.png.meta", &meta("Nearest", grid));
    game.run_until("the tiles", |game| game.reload("sprites/tiles.png").layers == 6);
    let reload = game.reload("sprites/tiles.png");
    assert_eq!((reload.width, reload.height), (16, 16));
    let whole = image::load_from_memory(&tiles.png).unwrap().into_rgba8();
    let cut: Vec<u8> = (0..6)
        .flat_map(|tile| {
            image::imageops::crop_imm(&whole, tile % 2 * 16, tile / 2 * 16, 16, 16).to_image().into_raw()
        })
        .collect();
    assert_eq!(reload.hash, Some(sha256(&cut)));
}

/// `count` frames of 8x8 in a row, tag "walk" over all.
fn sheet(count: u32) -> Vec<u8> {
    let frames: Vec<_> = (0..count)
        .map(|i| format!(r#"{{"filename": "{i}", "frame": {{"x": {}, "y": 0, "w": 8, "h": 8}}}}"#, i * 8))
        .collect();
    format!(
        r#"{{"frames": [{}], "meta": {{"image": "walk.png", "size": {{"w": {}, "h": 8}},
        "frameTags": [{{"name": "walk", "from": 0, "to": {}, "direction": "forward"}}]}}}}"#,
        frames.join(","),
        count * 8,
        count - 1
    )
    .into_bytes()
}

#[test]
fn a_changed_sheet_is_seen() {
    let project = Project::new();
    let mut game = Game::new(&project);
    project.deploy("sprites/walk.png", &picture(16, 8, 3).png);
    project.deploy("sprites/walk.json", &sheet(2));
    let handle: Handle<SpriteSheet> = game.load("sprites/walk.json");
    let frames = |game: &Game| {
        let world = game.app.world();
        let sheet = world.resource::<Assets<SpriteSheet>>().get(&handle)?;
        let layout = world.resource::<Assets<TextureAtlasLayout>>().get(&sheet.layout)?;
        assert_eq!(sheet.frames.len(), layout.textures.len());
        Some((layout.textures.len(), sheet.clip("walk")?.last, layout.size))
    };
    game.run_until("two frames", |game| frames(game) == Some((2, 1, UVec2::new(16, 8))));
    let wider = picture(40, 8, 4);
    project.deploy("sprites/walk.png", &wider.png);
    project.deploy("sprites/walk.json", &sheet(5));
    game.run_until("five frames", |game| frames(game) == Some((5, 4, UVec2::new(40, 8))));
    game.wait_for("sprites/walk.png", &wider);
    // A broken sheet is refused and the game goes on with what it has.
    project.deploy("sprites/walk.json", b"{\"frames\": [");
    for _ in 0..200 {
        game.app.update();
        sleep(Duration::from_millis(5));
    }
    assert_eq!(frames(&game), Some((5, 4, UVec2::new(40, 8))));
}

#[test]
fn fifty_replacements_in_a_row_are_seen_one_by_one() {
    let began = Instant::now();
    let project = Project::new();
    let mut game = Game::new(&project);
    project.deploy("sprites/hero.png", &picture(7, 7, 0).png);
    let _handle: Handle<Image> = game.load("sprites/hero.png");
    game.wait_for("sprites/hero.png", &picture(7, 7, 0));
    let mut took = Vec::new();
    for i in 1..=50 {
        let next = picture(8 + i, 8 + 2 * i, i);
        project.deploy("sprites/hero.png", &next.png);
        took.push(game.wait_for("sprites/hero.png", &next));
    }
    assert_eq!(game.failures(), [""; 0]);
    took.sort();
    let result = format!("{:.2} s median, {:.2} s worst", took[25].as_secs_f32(), took[49].as_secs_f32());
    println!("50 replacements: {result}");
    if let Ok(path) = std::env::var("DGXP_EVIDENCE") {
        let mut file = File::options().create(true).append(true).open(path).unwrap();
        let seconds = began.elapsed().as_secs();
        writeln!(file, "Bevy sees each replacement within 2 s\t50\t{result}\t{seconds}").unwrap();
    }
}

/// A writer replaces without pause while the game reloads without pause.
#[test]
fn no_half_written_file_is_ever_decoded() {
    let project = Project::new();
    let mut game = Game::new(&project);
    let versions: Vec<_> = (1..=50).map(|i| picture(64 + i, 256 - i, i)).collect();
    project.deploy("sprites/hero.png", &versions[0].png);
    let _handle: Handle<Image> = game.load("sprites/hero.png");
    game.wait_for("sprites/hero.png", &versions[0]);
    let root = project.path().to_owned();
    let files: Vec<_> = versions.iter().map(|version| version.png.clone()).collect();
    let writer = std::thread::spawn(move || {
        for file in &files {
            deploy(&root, "sprites/hero.png", file);
        }
    });
    while !writer.is_finished() {
        game.app.world().resource::<AssetServer>().reload("sprites/hero.png");
        game.app.update();
        sleep(Duration::from_millis(1));
    }
    writer.join().unwrap();
    game.wait_for("sprites/hero.png", versions.last().unwrap());
    assert_eq!(game.failures(), [""; 0]);
    let whole: HashSet<_> = versions.iter().map(|v| (v.width, v.height, v.hash.clone())).collect();
    let seen = &game.app.world().resource::<Seen>().0;
    assert!(seen.is_subset(&whole), "pixels that no version has");
    assert!(seen.len() > 1, "the game never looked while files changed");
}

#[test]
fn a_dropped_image_counts_on_when_it_comes_back() {
    let project = Project::new();
    let mut game = Game::new(&project);
    let hero = picture(8, 8, 9);
    project.deploy("sprites/hero.png", &hero.png);
    let handle: Handle<Image> = game.load("sprites/hero.png");
    game.wait_for("sprites/hero.png", &hero);
    let before = game.reload("sprites/hero.png").generation;
    drop(handle);
    game.run_until("the drop", |game| game.reload("sprites/hero.png").state == LoadPhase::Dropped);
    let _handle: Handle<Image> = game.load("sprites/hero.png");
    game.run_until("the return", |game| game.reload("sprites/hero.png").state == LoadPhase::Loaded);
    assert!(game.reload("sprites/hero.png").generation > before);
}

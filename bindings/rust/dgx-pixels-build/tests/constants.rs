// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is written compiles, without warnings, and says what the lock says.

use std::fs;
use std::path::Path;
use std::process::Command;

use dgx_pixels_build::Lock;

/// A program around the constants, compiled by the compiler itself: `include!` in this test would show
/// what an earlier build wrote.
#[test]
fn the_constants_compile_and_are_right() {
    let folder = tempfile::tempdir().unwrap();
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dgx-pixels.lock.json");
    fs::write(folder.path().join("assets.rs"), Lock::read(&lock).unwrap().to_rust()).unwrap();
    fs::write(
        folder.path().join("main.rs"),
        r#"#![deny(warnings)]
        mod assets { include!("assets.rs"); }
        use assets::{sprites, tiles};
        const KNIGHT: assets::ImageAsset = sprites::KNIGHT_PNG; // usable in constants
        fn main() {
            assert_eq!((KNIGHT.path, KNIGHT.width, KNIGHT.height), ("sprites/knight.png", 32, 48));
            let walk = sprites::WALK_JSON;
            assert_eq!((walk.path, walk.image), ("sprites/walk.json", "sprites/walk.png"));
            assert_eq!((walk.frames, walk.frame_width, walk.frame_height), (2, 32, 40));
            assert_eq!(walk.clips, [("walk left", 0, 1)]);
            assert_eq!(sprites::walk_json::WALK_LEFT, "walk left");
            let cave = tiles::CAVE_PNG;
            assert_eq!((cave.tile_width, cave.tile_height, cave.columns, cave.rows), (16, 16, 8, 6));
        }"#,
    )
    .unwrap();
    let rustc = std::env::var_os("RUSTC").unwrap_or("rustc".into());
    let compiled = Command::new(rustc)
        .args(["--edition", "2024", "main.rs"])
        .current_dir(folder.path())
        .status()
        .unwrap();
    assert!(compiled.success());
    assert!(Command::new(folder.path().join("main")).status().unwrap().success());
}

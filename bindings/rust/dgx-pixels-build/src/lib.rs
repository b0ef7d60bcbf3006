// SPDX-License-Identifier: MIT OR Apache-2.0
#![doc = include_str!("../README.md")]
#![allow(clippy::needless_doctest_main)] // a build script has one

mod lock;
mod write;

pub use lock::{Asset, Error, Kind, Lock, Tag};

use std::path::{Path, PathBuf};
use std::{env, fs, process};

/// Read the lock file, write `$OUT_DIR/dgx_pixels_assets.rs`, tell Cargo when to come again, and warn
/// of files that differ from the lock.  For `build.rs`.
///
/// `lock` is relative to the package; assets lie in `assets/` beside it (a folder of another name:
/// [`emit_with_assets`]).  Without a lock file there are no constants, and a warning says so.  A lock
/// that cannot be understood stops the build with its reason.
pub fn emit(lock: impl AsRef<Path>) {
    let assets = lock.as_ref().with_file_name("assets");
    emit_with_assets(lock, assets);
}

/// The same for a game whose assets do not lie in `assets/` beside the lock.
pub fn emit_with_assets(lock: impl AsRef<Path>, assets: impl AsRef<Path>) {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("OUT_DIR: call this from build.rs"));
    if let Err(error) = try_emit(lock.as_ref(), assets.as_ref(), &out, &mut |line| println!("{line}")) {
        println!("cargo::error={error}");
        process::exit(1);
    }
}

/// `say` gets Cargo's instructions.
fn try_emit(lock: &Path, assets: &Path, out: &Path, say: &mut dyn FnMut(String)) -> Result<(), Error> {
    say(format!("cargo::rerun-if-changed={}", lock.display()));
    let read = if lock.exists() {
        Lock::read(lock)?
    } else {
        say(format!(
            "cargo::warning={}: not there yet; `dgx-pixels build` or `deploy` writes it",
            lock.display()
        ));
        Lock::default()
    };
    for asset in &read.assets {
        say(format!("cargo::rerun-if-changed={}", assets.join(&asset.path).display()));
    }
    for problem in read.check(assets) {
        say(format!("cargo::warning={problem}"));
    }
    let target = out.join("dgx_pixels_assets.rs");
    fs::write(&target, read.to_rust()).map_err(|error| Error::Io(target, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = include_str!("../tests/dgx-pixels.lock.json");

    fn run(project: &Path) -> (Result<(), Error>, Vec<String>) {
        let mut said = Vec::new();
        let lock = project.join("dgx-pixels.lock.json");
        let result = try_emit(&lock, &project.join("assets"), project, &mut |line| said.push(line));
        (result, said)
    }

    #[test]
    fn tells_cargo_what_it_needs_to_know() {
        let project = tempfile::tempdir().unwrap();
        let project = project.path();
        let (result, said) = run(project);
        assert!(result.is_ok() && said.iter().any(|line| line.contains("not there yet")), "{said:?}");

        fs::create_dir_all(project.join("assets/sprites")).unwrap();
        fs::write(project.join("dgx-pixels.lock.json"), LOCK).unwrap();
        fs::write(project.join("assets/sprites/knight.png"), "test").unwrap();
        fs::write(project.join("assets/sprites/walk.json"), "other").unwrap();
        let (result, said) = run(project);
        result.unwrap();
        let warnings: Vec<_> = said.iter().filter_map(|l| l.strip_prefix("cargo::warning=")).collect();
        assert_eq!(warnings.len(), 2, "{warnings:?}");
        assert!(warnings[0].contains("walk.json: differs from dgx-pixels.lock.json"), "{warnings:?}");
        assert!(warnings[1].contains("cave.png: is missing"), "{warnings:?}");
        let watched = said.iter().filter(|line| line.starts_with("cargo::rerun-if-changed=")).count();
        assert_eq!(watched, 4);
    }

    #[test]
    fn a_lock_that_is_not_understood_stops_the_build() {
        let project = tempfile::tempdir().unwrap();
        for (text, expected) in [
            (LOCK.replace("\"format\": 1", "\"format\": 2"), "format 2"),
            (LOCK.replace("\"image\",", "\"music\","), "unknown variant `music`"),
            (LOCK.replace("sprites/knight.png", "../knight.png"), "must stay inside the assets folder"),
            ("{".into(), "dgx-pixels.lock.json"),
        ] {
            fs::write(project.path().join("dgx-pixels.lock.json"), text).unwrap();
            let message = run(project.path()).0.unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}

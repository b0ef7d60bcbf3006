// SPDX-License-Identifier: MIT OR Apache-2.0
//! A program outside this workspace, built with the line that README.md gives, finds the library by itself.

use std::path::Path;
use std::process::Command;
use std::{env, fs};

#[test]
fn a_program_of_somebody_elses_starts() {
    let folder = tempfile::tempdir().unwrap();
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(here.join("README.md")).unwrap();
    let line = readme.lines().find(|line| line.contains("DEP_DGXPIXELS_SAFE_LIB_DIR")).unwrap();
    let write = |name: &str, text: String| fs::write(folder.path().join(name), text).unwrap();
    fs::create_dir(folder.path().join("src")).unwrap();
    write(
        "Cargo.toml",
        format!(
            "[package]\nname = \"stranger\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n\
             [dependencies]\ndgx-pixels = {{ path = {here:?} }}\n"
        ),
    );
    fs::copy(here.join("../Cargo.lock"), folder.path().join("Cargo.lock")).unwrap();
    write("build.rs", format!("fn main() {{\n    {line}\n}}\n"));
    write(
        "src/main.rs",
        "fn main() {\n    println!(\"{}\", dgx_pixels::Image::new(3, 2).unwrap().width());\n}\n".into(),
    );
    let target = folder.path().join("target");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--offline"])
        .current_dir(folder.path())
        .env("CARGO_TARGET_DIR", &target)
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let ran = Command::new(target.join("debug/stranger")).env_remove("LD_LIBRARY_PATH").output().unwrap();
    assert_eq!(String::from_utf8_lossy(&ran.stdout), "3\n", "{}", String::from_utf8_lossy(&ran.stderr));
}

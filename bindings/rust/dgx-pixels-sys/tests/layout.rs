// SPDX-License-Identifier: MIT OR Apache-2.0
//! The committed declarations against the header itself, through the C compiler of this machine.
//!
//! `bindings.rs` holds a constant assertion for each size and offset, so rustc has proved them for the
//! Rust side already; the same numbers are asserted here of the C side.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

const BINDINGS: &str = include_str!("../src/bindings.rs");

fn include_folder() -> String {
    format!("{}/../../../include", env!("CARGO_MANIFEST_DIR"))
}

/// The manuals that `dgxpixels.h` includes, one after the other.
fn header() -> String {
    let mut manuals: Vec<_> = std::fs::read_dir(Path::new(&include_folder()).join("dgxpixels"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    manuals.sort();
    manuals.iter().map(|manual| std::fs::read_to_string(manual).unwrap()).collect()
}

/// The names of the functions that follow `marker`, up to their parenthesis.
fn functions<'a>(text: &'a str, marker: &str) -> BTreeSet<&'a str> {
    text.split(marker)
        .skip(1)
        .filter_map(|rest| rest.split_once('('))
        .filter_map(|(head, _)| head.rsplit(|c: char| !c.is_alphanumeric() && c != '_').next())
        .filter(|name| name.starts_with("dgxp_"))
        .collect()
}

#[test]
fn every_function_of_the_header_is_declared() {
    let header = header();
    let (ours, theirs) = (functions(BINDINGS, "pub fn "), functions(&header, "\nDGXP_API "));
    assert!(theirs.len() > 100, "{theirs:?}: the test looks in the wrong place");
    assert_eq!(ours, theirs, "run scripts/make_bindings");
}

#[test]
fn sizes_offsets_and_constants_are_those_of_the_header() {
    let mut source = String::from("#include <stddef.h>\n#include \"dgxpixels.h\"\n");
    let mut count = [0; 3];
    let words = |line: &'static str| -> Vec<&'static str> {
        line.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty()).collect()
    };
    // bindgen may break a line; its statements end in `;`.
    for statement in BINDINGS.split(';') {
        let statement = words(statement);
        let number = |word: &str| word.trim_end_matches("usize").parse::<u64>().ok();
        if let Some(at) = statement.iter().position(|word| *word == "size_of") {
            let (name, size) = (statement[at + 1], number(statement[at + 2]).unwrap());
            source += &format!("_Static_assert(sizeof({name}) == {size}, \"{name}\");\n");
            count[0] += 1;
        } else if let Some(at) = statement.iter().position(|word| *word == "offset_of") {
            let (name, field) = (statement[at + 1], statement[at + 2]);
            let offset = number(statement[at + 3]).unwrap();
            source +=
                &format!("_Static_assert(offsetof({name}, {field}) == {offset}, \"{name}.{field}\");\n");
            count[1] += 1;
        } else if let [.., "pub", "const", name, _, value] = statement[..]
            && name.starts_with("DGXP_")
        {
            source += &format!("_Static_assert({name} == {value}, \"{name}\");\n");
            count[2] += 1;
        }
    }
    assert!(count[0] > 20 && count[1] > 150 && count[2] > 60, "{count:?}: bindgen writes otherwise now");
    let mut compiler = Command::new(std::env::var_os("CC").unwrap_or("cc".into()))
        .args(["-std=c11", "-fsyntax-only", "-x", "c", "-I", &include_folder(), "-"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("a C compiler: apt-get install gcc");
    compiler.stdin.take().unwrap().write_all(source.as_bytes()).unwrap();
    assert!(compiler.wait().unwrap().success(), "run scripts/make_bindings");
    println!("{} structs, {} fields, {} constants", count[0], count[1], count[2]);
}

#[test]
fn the_library_is_of_the_headers_version() {
    let version = unsafe { dgx_pixels_sys::dgxp_version() };
    assert_eq!(
        version,
        dgx_pixels_sys::DGXP_VERSION_MAJOR as i32 * 1_000_000
            + dgx_pixels_sys::DGXP_VERSION_MINOR as i32 * 1_000
            + dgx_pixels_sys::DGXP_VERSION_PATCH as i32
    );
}

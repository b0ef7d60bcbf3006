// SPDX-License-Identifier: MIT OR Apache-2.0
//! The tests and examples of this crate find the library where dgx-pixels-sys found it, and a program that
//! depends on this crate is told where (README.md, "At run time").

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if let Ok(folder) = std::env::var("DEP_DGXPIXELS_LIB_DIR") {
        println!("cargo::rustc-link-arg=-Wl,-rpath,{folder}");
        println!("cargo::metadata=LIB_DIR={folder}");
    }
}

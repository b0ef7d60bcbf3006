// SPDX-License-Identifier: MIT OR Apache-2.0
//! Find libdgxpixels: by variable, pkg-config, or in the source tree this crate lies in.

use std::env;
use std::path::{Path, PathBuf};

const FILE: &str = "libdgxpixels.so";

fn main() {
    println!("cargo::rerun-if-env-changed=DGX_PIXELS_LIB_DIR");
    if env::var_os("DOCS_RS").is_some() {
        return; // documentation needs the declarations only
    }
    match find() {
        Ok(folder) => {
            let folder = folder.display();
            println!("cargo::rerun-if-changed={folder}/{FILE}");
            println!("cargo::rustc-link-search=native={folder}");
            println!("cargo::rustc-link-lib=dylib=dgxpixels");
            println!("cargo::rustc-link-arg=-Wl,-rpath,{folder}"); // of this crate's own tests
            println!("cargo::metadata=LIB_DIR={folder}");
        }
        Err(tried) => {
            println!("cargo::error={FILE} was not found. Tried:");
            for line in tried {
                println!("cargo::error=  {line}");
            }
            println!(
                "cargo::error=Build it (`make build` in the source tree of DGX-Pixels) and set one of them."
            );
        }
    }
}

/// The folder of the library, or a line for each place where it is not.
fn find() -> Result<PathBuf, Vec<String>> {
    if let Some(folder) = env::var_os("DGX_PIXELS_LIB_DIR") {
        // Whoever names a folder means that one: no silent second choice.
        return holds(Path::new(&folder))
            .ok_or_else(|| vec![format!("DGX_PIXELS_LIB_DIR={}: no {FILE} there", folder.display())]);
    }
    let mut tried = vec!["DGX_PIXELS_LIB_DIR: not set".to_string()];
    let version = env!("CARGO_PKG_VERSION");
    match pkg_config::Config::new().atleast_version(version).cargo_metadata(false).probe("dgxpixels") {
        Ok(library) => match library.link_paths.iter().find_map(|folder| holds(folder)) {
            Some(folder) => return Ok(folder),
            None => {
                tried.push(format!("pkg-config dgxpixels: names {:?}, without {FILE}", library.link_paths))
            }
        },
        Err(_) => tried.push(format!("pkg-config: no package dgxpixels >= {version} (PKG_CONFIG_PATH?)")),
    }
    let tree = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../build/release/lib");
    println!("cargo::rerun-if-changed={}", tree.join(FILE).display());
    holds(&tree).ok_or_else(|| {
        tried.push(format!("{}: no {FILE} there", tree.display()));
        tried
    })
}

fn holds(folder: &Path) -> Option<PathBuf> {
    folder.join(FILE).exists().then(|| folder.canonicalize().unwrap_or(folder.into()))
}

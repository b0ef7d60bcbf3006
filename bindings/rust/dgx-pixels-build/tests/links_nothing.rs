// SPDX-License-Identifier: MIT OR Apache-2.0
//! A shipped game never needs our library: `cargo tree` names neither crate that links it.

use std::collections::BTreeSet;
use std::process::Command;

fn tree(package: &str, features: &[&str]) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--prefix", "none", "-e", "normal,build", "-p", package])
        .args(features)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| line.split(' ').next()).map(String::from).collect()
}

#[test]
fn the_crates_for_games_link_nothing_of_ours() {
    for (package, features, known) in [
        ("dgx-pixels-bevy", &["--features", "brp"][..], "bevy_remote"),
        ("dgx-pixels-build", &[], "serde_json"),
    ] {
        let crates = tree(package, features);
        assert!(crates.contains(package) && crates.contains(known), "{crates:?}");
        for ours in ["dgx-pixels", "dgx-pixels-sys"] {
            assert!(!crates.contains(ours), "{package} needs {ours}");
        }
    }
    // The same question where the answer is yes.
    assert!(tree("dgx-pixels", &[]).contains("dgx-pixels-sys"));
}

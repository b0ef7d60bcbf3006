// SPDX-License-Identifier: MIT OR Apache-2.0
//! A game's folder from Rust, workflows, and what the library knows.

use std::fs;
use std::path::Path;

use dgx_pixels::{Beside, Build, Deploy, Generate, Image, Job, Model, NoAnswer};

fn game() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("assets")).unwrap();
    fs::write(folder.path().join("Cargo.toml"), "[package]\nname = \"g\"\n[dependencies]\nbevy = \"0.19\"\n")
        .unwrap();
    folder
}

#[test]
fn files_are_deployed_asked_for_and_taken_back() {
    let folder = game();
    let png = Image::from_rgba(2, 2, &[255; 16]).unwrap().encode(&Default::default()).unwrap();
    let mut asked = Vec::new();
    let told = Deploy {
        project: Some(folder.path()),
        to: Some("sprites/"),
        ask: Some(Box::new(|question| {
            asked.push(question.to_owned());
            Err(NoAnswer::Failed("it is tired".into()))
        })),
        ..Deploy::default()
    }
    .bytes(&[(Path::new("a.png"), &png)])
    .unwrap();
    assert!(told.contains("it is tired") && told.contains("\"confirmed\": false"), "{told}");
    assert!(asked.iter().all(|question| question.contains("dgx_pixels/")), "{asked:?}");
    assert!(folder.path().join("assets/sprites/a.png").exists());
    dgx_pixels::undo_deploy(Some(folder.path()), false).unwrap();
    assert!(!folder.path().join("assets/sprites/a.png").exists());
}

#[test]
fn games_are_built() {
    let folder = game();
    dgx_pixels::init_project(Some(folder.path())).unwrap();
    assert!(dgx_pixels::describe_project(Some(folder.path())).unwrap().contains("knight.png"));
    let told = Build { project: Some(folder.path()), dry_run: true, ..Build::default() }.run().unwrap();
    assert!(told.contains("\"due\": 3"), "{told}");
}

#[test]
fn pictures_are_painted_again_and_measured() {
    let model = Model::open_with(None, &Default::default()).unwrap();
    let request = r#"{"kind": "panel", "subject": "oak", "seed": 3, "steps": 1, "size": [24, 24]}"#;
    let job = Job::request(&model, request, &Beside::default()).unwrap();
    let painted = Generate::new().run(&model, &[&job]).unwrap();
    let (again, told) = dgx_pixels::regen(&model, painted.sprite(0), None, false).unwrap();
    assert_eq!(again.pixels(), painted.sprite(0).pixels());
    assert!(told.contains("\"seed\": 3") && again.recipe().unwrap().contains("oak"));
    let panel = String::from_utf8(painted.sprite(0).panel("oak.png").unwrap().unwrap()).unwrap();
    assert!(panel.contains("slices"), "{panel}");
    assert!(painted.canvas(0).panel("oak.png").unwrap().is_none());
    assert!(dgx_pixels::quality(&[painted.sprite(0)], false).unwrap().contains("score"));
    assert!(dgx_pixels::settings().unwrap().contains("best_of"));
    assert!(dgx_pixels::choices("sampler").unwrap().contains(&"ddim".to_owned()));
    assert!(dgx_pixels::palettes().contains(&"pico-8".to_owned()));
    assert_eq!(dgx_pixels::slug("Red, knight").unwrap(), "red-knight");
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! The pixel half, which needs no model and no backend.

use std::time::Duration;

use dgx_pixels::{
    AtlasFormat, Cancel, Direction, Dither, Facing, Fix, Image, ImageRef, Job, Model, Motion, Normal, Pack,
    Palette, PngOptions, Recolor, Sheet, Status, Tag, list_motions,
};

fn gradient(width: u32, height: u32) -> Image {
    let mut image = Image::new(width, height).unwrap();
    for (i, pixel) in image.pixels_mut().chunks_exact_mut(4).enumerate() {
        pixel.copy_from_slice(&[(i * 7) as u8, (i * 3) as u8, i as u8, 255]);
    }
    image
}

#[test]
fn handles_go_where_the_header_says() {
    fn send_sync<T: Send + Sync>() {}
    send_sync::<Image>();
    send_sync::<Palette>();
    send_sync::<Model>();
    send_sync::<Job>();
    send_sync::<Cancel>();
    let image = gradient(8, 8);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(image.pixels()[4], 7));
        }
    });
}

#[test]
fn an_image_comes_back_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ä b.png");
    let mut image = gradient(20, 30);
    image.set_text("parameters", Some("a knight\nSteps: 20")).unwrap();
    image.save(&path).unwrap();
    let mut read = Image::load(&path).unwrap();
    assert_eq!((read.width(), read.height()), (20, 30));
    assert_eq!(read.pixels(), image.pixels());
    assert_eq!(read.text_keys(), ["parameters"]);
    assert_eq!(read.text("parameters").as_deref(), Some("a knight\nSteps: 20"));
    read.set_text("parameters", None).unwrap();
    assert_eq!(read.text("parameters"), None);
    let png = read.encode(&PngOptions { scale: 3, truecolor: true, strip_text: true }).unwrap();
    assert_eq!(Image::decode(&png).unwrap().width(), 60);
    let copy: Image = ImageRef::to_owned(&read);
    drop(read);
    assert_eq!(copy.pixels(), image.pixels());
}

#[test]
fn errors_have_a_status_and_a_sentence() {
    let missing = Image::load("no/such.png").unwrap_err();
    assert_eq!(missing.status(), Status::NotFound);
    assert!(missing.message().contains("no/such.png"), "{missing}");
    assert_eq!(Image::decode(b"no PNG").unwrap_err().status(), Status::BadFormat);
    assert_eq!(Image::from_rgba(2, 2, &[0; 15]).unwrap_err().status(), Status::InvalidArgument);
    assert_eq!(Image::new(u32::MAX, 1).unwrap_err().status(), Status::InvalidArgument);
    assert_eq!(Job::new("a\0b").unwrap_err().status(), Status::InvalidArgument);
    assert_eq!(Model::open("no/such.safetensors").unwrap_err().status(), Status::NotFound);
}

#[test]
fn a_sprite_enlarged_is_found_again() {
    let sprite = gradient(16, 12);
    let enlarged =
        Image::decode(&sprite.encode(&PngOptions { scale: 8, ..Default::default() }).unwrap()).unwrap();
    let fixed = Fix::new().run(&enlarged).unwrap();
    assert_eq!(fixed.sprite.pixels(), sprite.pixels());
    let report: serde_json::Value = serde_json::from_str(&fixed.report).unwrap();
    assert_eq!((&report["width"], &report["grid"]["kind"]), (&16.into(), &"flat".into()));

    let palette = Palette::from_colors(&[[0, 0, 0, 255], [255, 255, 255, 255], [200, 40, 40, 255]]).unwrap();
    let fixed =
        Fix::new().size(8, 6).keep_background().palette(&palette).outline().trim(1).run(&enlarged).unwrap();
    let opaque = fixed.sprite.pixels().chunks_exact(4).filter(|p| p[3] != 0);
    assert!(opaque.clone().count() > 40);
    assert!(opaque.clone().all(|p| palette.colors().iter().any(|c| c == p)));
    assert!(Fix::new().size(u32::MAX, 1).run(&enlarged).is_err());
}

#[test]
fn palettes() {
    let pico = Palette::load("pico-8").unwrap();
    assert_eq!(pico.colors()[8], [255, 0, 77, 255]); // "red", as lospec.com lists it
    let sprite = gradient(16, 16).quantize(&pico, Dither::Bayer4).unwrap();
    let few = Palette::extract(&sprite, 4).unwrap();
    assert!(few.colors().len() <= 4);
    let folder = tempfile::tempdir().unwrap();
    pico.save(folder.path().join("p.gpl")).unwrap();
    assert_eq!(Palette::load(folder.path().join("p.gpl")).unwrap().colors(), pico.colors());
}

#[test]
fn a_sheet_of_frames() {
    let mut sheet = Sheet::new().unwrap();
    for i in 0..3 {
        sheet.add_frame(&gradient(8 + i, 8), &format!("f{i}"), Duration::from_millis(80)).unwrap();
    }
    let tag = Tag { name: "walk".into(), from: 0, to: 2, direction: Direction::PingPong, repeat: 2 };
    sheet.add_tag(&tag).unwrap();
    assert!(sheet.add_tag(&Tag { to: 3, ..tag.clone() }).is_err());
    let folder = tempfile::tempdir().unwrap();
    sheet.save(folder.path().join("walk.aseprite")).unwrap();
    let sheet = Sheet::load(folder.path().join("walk.aseprite")).unwrap();
    assert_eq!((sheet.len(), sheet.tags().unwrap(), sheet.frame(3).is_none()), (3, vec![tag], true));
    assert_eq!(sheet.duration(0), Duration::from_millis(80));
    let atlas = sheet.pack(&Pack { columns: 3, padding: 2, ..Default::default() }).unwrap();
    assert_eq!((atlas.image().width(), atlas.place(1).unwrap().x), (3 * 10 + 2 * 2, 12));
    let json = atlas.describe(&sheet, AtlasFormat::AsepriteArray, "walk.png").unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["meta"]["frameTags"][0]["direction"], "pingpong");
}

/// A red box on clear ground, its upper rows darker.
fn sprite() -> Image {
    let mut image = Image::new(16, 24).unwrap();
    for (i, pixel) in image.pixels_mut().chunks_exact_mut(4).enumerate() {
        let (x, y) = (i % 16, i / 16);
        if (3..13).contains(&x) && (2..24).contains(&y) {
            pixel.copy_from_slice(&[100 + 5 * y as u8, 40, 40, 255]);
        }
    }
    image
}

#[test]
fn a_sprite_moves_changes_its_colours_and_is_lit() {
    let sprite = sprite();
    assert!(list_motions().unwrap().contains("\"walk\""));
    let moved = Motion { facing: Facing::Left, speed: 200, ..Motion::new("idle,hit") }.run(&sprite).unwrap();
    assert!(moved.sheet.len() >= 4 && moved.report.contains("\"hit\""));
    let maps = Normal::default().run_sheet(&moved.sheet).unwrap();
    assert_eq!(maps.len(), moved.sheet.len());
    assert_eq!(Motion::new("dance").run(&sprite).unwrap_err().status(), Status::NotFound);

    let blue = Recolor { map: "red=blue".into(), ..Recolor::default() }.run(&sprite).unwrap();
    let pixel = &blue.image.pixels()[(12 * 16 + 8) * 4..][..4];
    assert!(pixel[2] > pixel[0] && pixel[3] == 255 && blue.report.contains("red"));
    assert!(Recolor { map: "red".into(), ..Recolor::default() }.run(&sprite).is_err());

    let map = Normal { strength: 200, ..Normal::default() }.run(&sprite).unwrap();
    assert_eq!(map.image.pixels()[..4], [128, 128, 255, 0]);
    assert!(map.report.contains("faces"));
    assert!(Normal { strength: 401, ..Normal::default() }.run(&sprite).is_err());
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Steps one by one, sheets, tile sets, palettes over many pictures, lists: what needs no model.

use std::sync::Mutex;
use std::time::Duration;

use dgx_pixels::{
    Autotile, Background, Batch, BatchOptions, CellRule, Cut, Fix, Grid, GridHints, Histogram, Image,
    LogLevel, Matte, OutlineKind, Palette, Pivot, PngOptions, Sheet, SheetFormat, Slice, Status, outline,
    remove_jaggies, remove_orphans, set_log, trim, upgrade,
};

/// Red above, blue below.
fn picture() -> Image {
    let mut image = Image::new(16, 16).unwrap();
    for (i, pixel) in image.pixels_mut().chunks_exact_mut(4).enumerate() {
        pixel.copy_from_slice(if i < 128 { &[200, 40, 40, 255] } else { &[20, 20, 160, 255] });
    }
    image
}

fn enlarged(image: &Image, scale: u32) -> Image {
    Image::decode(&image.encode(&PngOptions { scale, ..Default::default() }).unwrap()).unwrap()
}

#[test]
fn steps_one_by_one() {
    let big = enlarged(&picture(), 4);
    let hints = GridHints { cell: (4.0, 4.0), ..Default::default() };
    let grid = Grid::detect(&big, &hints).unwrap();
    let info = grid.info().unwrap();
    assert_eq!((info.width, info.height, info.cell), (16, 16, (4.0, 4.0)));
    let sprite = grid.downscale(&big, CellRule::Median).unwrap();
    assert_eq!(sprite.pixels(), picture().pixels());
    assert!(grid.residual(&big, &sprite).unwrap() < 0.01);
    assert_eq!(Grid::detect_frames(&[&big, &big], &hints).unwrap().info().unwrap().width, 16);

    let matte = Matte { background: Background::Color, color: [200, 40, 40], ..Default::default() };
    let (cut, opaque) = matte.run(&picture()).unwrap();
    assert_eq!((cut.pixels()[3], opaque), (0, 0.5));
    assert_eq!((remove_orphans(&cut, 0.0).unwrap().1, remove_jaggies(&cut).unwrap().1), (0, 0));
    assert!(outline(&cut, OutlineKind::Inner, [255, 0, 255, 255]).unwrap().1 > 0);
    let trimmed = trim(&cut, 1, Pivot::Feet).unwrap();
    assert_eq!((trimmed.sprite.height(), trimmed.corner, trimmed.pivot), (10, (-1, 7), (9.0, 9.0)));
    let (frames, report) = Fix::new().cell(4.0).run_frames(&[&big, &big]).unwrap();
    assert_eq!((frames.len(), frames[1].width()), (2, 16));
    assert!(report.contains("\"grid\""), "{report}");
    let other = Image::new(8, 8).unwrap();
    assert_eq!(Fix::new().run_frames(&[&big, &other]).unwrap_err().status(), Status::Mismatch);
}

#[test]
fn one_palette_over_many() {
    let all = Histogram::new().unwrap();
    all.add(&picture()).unwrap();
    all.add_fixed(&enlarged(&picture(), 4), &Fix::new()).unwrap();
    assert_eq!(all.colors(), 2);
    let palette = all.extract(0).unwrap();
    let hex = palette.encode("hex").unwrap();
    let lines: Vec<_> = std::str::from_utf8(&hex).unwrap().lines().collect();
    assert!(lines.contains(&"c82828") && lines.len() == 2, "{lines:?}");
    assert!(palette.encode("nosuch").unwrap_err().message().contains("gpl"));
    assert_eq!(Palette::decode(&hex).unwrap().colors(), palette.colors());
}

#[test]
fn sheets_are_cut_sliced_and_read_back() {
    let mut sheet = Sheet::cut(&picture(), &Cut { cell: (8, 8), ..Default::default() }).unwrap();
    assert_eq!(sheet.len(), 4);
    let slice = Slice { name: "hit".into(), bounds: (1, 2, 3, 4), pivot: Some((1, 1)), ..Default::default() };
    sheet.add_slice(&slice).unwrap();
    let file = sheet.encode(SheetFormat::Aseprite).unwrap();
    let read = Sheet::decode(&file).unwrap();
    assert_eq!((read.len(), read.slices().unwrap()), (4, vec![slice]));
    assert!(sheet.contact(2, 4, true).unwrap().width() > 2 * 8 * 4);

    let folder = tempfile::tempdir().unwrap();
    for number in 1..=2 {
        picture().save(folder.path().join(format!("walk_{number:02}.png"))).unwrap();
    }
    let walk = Sheet::load_sequence(folder.path().join("walk_01.png"), Duration::from_millis(80)).unwrap();
    assert_eq!((walk.len(), walk.duration(1)), (2, Duration::from_millis(80)));
    assert!(walk.name(1).contains("02"), "{}", walk.name(1));
}

#[test]
fn a_tile_set_of_a_texture() {
    let sheet = Autotile::default().run(&picture(), None).unwrap();
    assert_eq!(sheet.len(), 47);
    let (mean, worst) = Autotile::check(&sheet).unwrap();
    assert!(mean > 0.0 && worst >= 0.0);
}

#[test]
fn a_list_is_checked_without_a_model() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("list.txt");
    std::fs::write(&list, "a knight\na {red|blue} bat --steps 3\n").unwrap();
    let options =
        BatchOptions { dry_run: true, seed: Some(7), matrix: &["guidance=2,5"], ..Default::default() };
    let mut batch = Batch::open(&list, folder.path().join("out"), &options).unwrap();
    assert_eq!(batch.left(), 4);
    assert!(batch.describe(0, 4).unwrap().contains("a knight"));
    assert!(batch.check(None).unwrap().contains("pictures"));
    std::fs::write(&list, "a knight --stepz 3\n").unwrap();
    let error = Batch::open(&list, folder.path().join("out"), &options).unwrap_err();
    assert!(error.message().contains("stepz"), "{error}");
}

#[test]
fn old_names_are_told_and_mended() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dgx-pixels.json");
    std::fs::write(&file, "{\"format\": 1, \"defaults\": {\"cfg\": 3}, \"assets\": []}").unwrap();
    assert!(upgrade(Some(folder.path()), true).unwrap().contains("'cfg' is called 'guidance'"));
    upgrade(Some(folder.path()), false).unwrap();
    assert!(std::fs::read_to_string(&file).unwrap().contains("\"guidance\": 3"));
}

static HEARD: Mutex<Vec<String>> = Mutex::new(Vec::new());

#[test]
fn the_log_is_heard() {
    set_log(Some(|level, line| {
        assert!(matches!(level, LogLevel::Debug | LogLevel::Info | LogLevel::Warning));
        HEARD.lock().unwrap().push(line.to_owned());
    }));
    remove_jaggies(&picture()).unwrap();
    set_log(None);
    assert!(HEARD.lock().unwrap().iter().any(|line| line.contains("jaggies")));
}

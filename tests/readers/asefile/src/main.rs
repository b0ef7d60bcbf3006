// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reads an .aseprite file with the crate asefile and tells what it saw.
//! usage: read-aseprite IN OUT: the frames as raw RGBA to OUT, everything else to stdout.

use asefile::AsepriteFile;
use std::error::Error;
use std::io::Write;

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().collect();
    let file = AsepriteFile::read_file(words[1].as_ref())?;
    let mut out = std::fs::File::create(&words[2])?;
    println!("size {} {}", file.width(), file.height());
    println!("indexed {}", file.is_indexed_color());
    println!("colors {}", file.palette().map_or(0, |palette| palette.num_colors()));
    for layer in file.layers() {
        println!("layer {} {}", layer.is_visible(), layer.name());
    }
    for index in 0..file.num_frames() {
        let frame = file.frame(index);
        println!("frame {}", frame.duration());
        out.write_all(frame.image().as_raw())?;
    }
    for index in 0..file.num_tags() {
        let tag = file.tag(index);
        println!(
            "tag {} {} {:?} {}",
            tag.from_frame(),
            tag.to_frame(),
            tag.animation_direction(),
            tag.name()
        );
    }
    for slice in file.slices() {
        let key = &slice.keys[0];
        println!(
            "slice {:?} {:?} {:?} {:?} {}",
            key.origin,
            key.size,
            key.slice9.as_ref().map(|s| (s.center_x, s.center_y, s.center_width, s.center_height)),
            key.pivot,
            slice.name
        );
    }
    Ok(())
}

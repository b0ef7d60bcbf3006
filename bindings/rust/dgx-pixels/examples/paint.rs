// SPDX-License-Identifier: MIT OR Apache-2.0
//! Paint requests, one JSON object a line of standard input: `paint MODEL FOLDER < requests.jsonl`.
//!
//! A recipe is a request.  Pictures that one names lie in FOLDER; 00.png, 01.png … are written there.

use std::error::Error;
use std::io::stdin;
use std::path::PathBuf;

use dgx_pixels::{Beside, Generate, Job, Model, ModelOptions};

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args_os().skip(1);
    let (Some(model), Some(folder)) = (words.next(), words.next().map(PathBuf::from)) else {
        return Err("usage: paint MODEL FOLDER < requests.jsonl".into());
    };
    let options = ModelOptions { device: Some("cpu".into()), ..ModelOptions::default() };
    let model = Model::open_with(Some(model.as_ref()), &options)?;
    for (number, line) in stdin().lines().enumerate() {
        let beside = Beside { folder: Some(&folder), ..Beside::default() };
        let job = Job::request(&model, &line?, &beside)?;
        let painted = Generate::new().run(&model, &[&job])?;
        painted.sprite(0).save(folder.join(format!("{number:02}.png")))?;
    }
    Ok(())
}

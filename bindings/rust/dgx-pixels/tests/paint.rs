// SPDX-License-Identifier: MIT OR Apache-2.0
//! Painting with the tests' tiny model, which `scripts/test` makes and names in DGX_PIXELS_MODELS.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use dgx_pixels::{
    Beside, Cancel, Generate, Job, Lora, LoraUse, Model, Painted, Phase, Preset, Sampler, Status, list_loras,
};

fn open() -> Option<Model> {
    if std::env::var_os("DGX_PIXELS_MODELS").is_none() {
        eprintln!("SKIPPED: DGX_PIXELS_MODELS names no folder with the model 'tiny' (scripts/test does)");
        return None;
    }
    Some(Model::open("tiny").unwrap())
}

fn job(prompt: &str, seed: u64) -> Job {
    Job::new(prompt).unwrap().seed(seed).unwrap().steps(4).unwrap().canvas(128, 128).unwrap()
}

fn paint(model: &Model, jobs: &[&Job]) -> Painted {
    Generate::new().run(model, jobs).unwrap()
}

#[test]
fn a_batch_with_progress() {
    let Some(model) = open() else { return };
    let jobs = [job("a knight", 1).size(32, 32).unwrap(), job("a dragon", 2).size(32, 32).unwrap()];
    let mut steps = Vec::new();
    let painted = Generate::new()
        .keep_latents()
        .progress(|p| {
            assert!(p.step <= p.step_count && p.elapsed < Duration::from_secs(600));
            if p.phase == Phase::Denoise {
                steps.push((p.step, p.step_count));
            }
            ControlFlow::Continue(())
        })
        .run(&model, &[&jobs[0], &jobs[1]])
        .unwrap();
    assert_eq!(steps.last(), Some(&(4, 4)), "{steps:?}");
    assert_eq!(painted.len(), 2);
    for (index, seed) in [(0, 1), (1, 2)] {
        assert_eq!((painted.sprite(index).width(), painted.sprite(index).height()), (32, 32));
        assert_eq!((painted.canvas(index).width(), painted.canvas(index).height()), (128, 128));
        let recipe: serde_json::Value = serde_json::from_str(&painted.recipe(index)).unwrap();
        assert!(recipe.to_string().contains(&format!("\"seed\":{seed}")), "{recipe}");
        let (latents, shape) = painted.latents(index).unwrap();
        assert_eq!(latents.len(), shape.iter().product::<usize>());
        assert!(latents.iter().all(|value| value.is_finite()));
    }
    assert!(catch_unwind(|| painted.sprite(2)).is_err(), "past the end");
    assert!(jobs[0].describe(&model).unwrap().contains("a knight"));
    assert!(model.describe().unwrap().contains("tiny"));
}

#[test]
fn stopping_leaves_the_model_as_it_was() {
    let Some(model) = open() else { return };
    let job = job("a knight", 7);
    let before = paint(&model, &[&job]);

    let stopped = Generate::new().progress(|_| ControlFlow::Break(())).run(&model, &[&job]);
    assert_eq!(stopped.unwrap_err().status(), Status::Cancelled);

    let cancel = Cancel::new().unwrap();
    let other = cancel.clone();
    let stopped = Generate::new()
        .cancel(&cancel)
        .progress(|p| {
            if p.phase == Phase::Denoise {
                std::thread::scope(|scope| scope.spawn(|| other.fire()).join().unwrap());
            }
            ControlFlow::Continue(())
        })
        .run(&model, &[&job]);
    assert_eq!(stopped.unwrap_err().status(), Status::Cancelled);

    let panicked = catch_unwind(AssertUnwindSafe(|| {
        Generate::new().progress(|_| panic!("in the closure")).run(&model, &[&job])
    }));
    let text = panicked.unwrap_err();
    assert_eq!(text.downcast_ref::<&str>(), Some(&"in the closure"));

    let after = paint(&model, &[&job]);
    assert_eq!(after.canvas(0).pixels(), before.canvas(0).pixels());
}

#[test]
fn threads_queue_at_one_model() {
    let Some(model) = open() else { return };
    let job = job("a knight", 3);
    let alone = paint(&model, &[&job]);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| assert_eq!(paint(&model, &[&job]).canvas(0).pixels(), alone.canvas(0).pixels()));
        }
    });
}

#[test]
fn presets_lay_a_job_together() {
    let Some(model) = open() else { return };
    let plain = Job::preset(&model, "character", "medieval knight").unwrap().describe(&model).unwrap();
    assert!(plain.contains("medieval knight"), "{plain}");
    let preset = Preset {
        kind: "character",
        subject: "medieval knight",
        style: Some("gameboy"),
        fields: &["view=side"],
        ..Default::default()
    };
    let styled = Job::styled(&model, &preset).unwrap().finish(Some(r#"{"orphans": true}"#)).unwrap();
    assert_ne!(styled.describe(&model).unwrap(), plain);
    for wrong in [
        Preset { kind: "spaceship", ..preset },
        Preset { style: Some("4bit"), ..preset },
        Preset { fields: &["mood=grim"], ..preset },
    ] {
        let error = Job::styled(&model, &wrong).unwrap_err();
        assert!(matches!(error.status(), Status::NotFound | Status::InvalidArgument), "{error}");
    }
}

/// A LoRA of rank 1 over one layer of the tiny model's UNet, as PEFT names it.
fn write_lora(path: &std::path::Path) {
    let models = std::env::var("DGX_PIXELS_MODELS").unwrap();
    let weights = format!("{models}/tiny/unet/diffusion_pytorch_model.safetensors");
    let bytes = std::fs::read(weights).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: serde_json::Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let mut layers = header.as_object().unwrap().iter();
    let (name, layer) = layers.find(|(name, _)| name.ends_with("attn1.to_q.weight")).unwrap();
    let module = name.strip_suffix(".weight").unwrap();
    let [rows, columns] = [0, 1].map(|i| layer["shape"][i].as_u64().unwrap());
    let header = serde_json::json!({
        format!("unet.{module}.lora_A.weight"):
            {"dtype": "F32", "shape": [1, columns], "data_offsets": [0, 4 * columns]},
        format!("unet.{module}.lora_B.weight"):
            {"dtype": "F32", "shape": [rows, 1], "data_offsets": [4 * columns, 4 * (columns + rows)]},
    })
    .to_string();
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.bytes());
    file.extend((0..rows + columns).flat_map(|i| (if i % 2 == 0 { 1f32 } else { -0.5 }).to_le_bytes()));
    std::fs::write(path, file).unwrap();
}

#[test]
fn adapters_come_and_go() {
    let Some(model) = open() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("style.safetensors");
    write_lora(&path);
    let knight = job("a knight", 1);
    let plain = paint(&model, &[&knight]);

    let lora = Lora::load(&path, Some(&model)).unwrap();
    assert!(lora.describe().unwrap().contains("rank"));
    let report = model.set_loras(&[LoraUse::new(&lora, 4.0)], false).unwrap();
    assert!(report.contains("unet"), "{report}");
    drop(lora); // the model keeps what it needs
    let styled = paint(&model, &[&knight]);
    assert_ne!(styled.canvas(0).pixels(), plain.canvas(0).pixels());
    model.set_loras(&[], false).unwrap();
    assert_eq!(paint(&model, &[&knight]).canvas(0).pixels(), plain.canvas(0).pixels());

    let knight = knight.lora(path.to_str().unwrap(), 4.0, 0.0).unwrap();
    assert_eq!(paint(&model, &[&knight]).canvas(0).pixels(), styled.canvas(0).pixels());

    let missing = Lora::load("no/such.safetensors", Some(&model)).unwrap_err();
    assert_eq!(missing.status(), Status::NotFound);
    serde_json::from_str::<serde_json::Value>(&list_loras(Some(&model)).unwrap()).unwrap();
}

#[test]
fn a_recipe_is_a_request_and_settings_are_put_by_name() {
    let Some(model) = open() else { return };
    let job = Job::new("a potion").unwrap().seed(5).unwrap().size(16, 16).unwrap().steps(5).unwrap();
    let job = job.guidance(8.0).unwrap().cfg_start(0.4).unwrap().sampler(Sampler::Ddim).unwrap();
    let job = job.put("eta", "0.5").unwrap().negative_prompt("a \"blur\"\n").unwrap().colors(4).unwrap();
    let first = paint(&model, &[&job]);
    let again = Job::request(&model, &first.recipe(0), &Beside::default()).unwrap();
    let again = paint(&model, &[&again]);
    assert_eq!(first.sprite(0).pixels(), again.sprite(0).pixels());
    assert_eq!(first.recipe(0), again.recipe(0));
    assert!(first.recipe(0).contains("\"cfg_start\":0.4"), "{}", first.recipe(0));

    let init = first.sprite(0);
    let beside = Beside { init: Some(init), ..Beside::default() };
    let text = r#"{"prompt": "x", "size": 16, "steps": 4, "strength": 0.5, "seed": 3}"#;
    assert!(
        paint(&model, &[&Job::request(&model, text, &beside).unwrap()]).recipe(0).contains("init_pixels")
    );
    let error = Job::request(&model, text, &Beside::default()).unwrap_err();
    assert!(error.message().contains("needs 'init'"), "{error}");
    let error = Job::new("x").unwrap().put("negative", "\"y\"").unwrap_err();
    assert!(error.message().contains("it is called 'negative_prompt'"), "{error}");
    let error = Job::new("x").unwrap().put("subject", "\"y\"").unwrap_err();
    assert!(error.message().contains("begins a job"), "{error}");
}

//! What the page of `fmnist web` must compute in its first steps: written for `tests/check_web_steps.py`, with what
//! both backends make of them.

use std::fs;
use std::path::Path;

use base64::prelude::{BASE64_STANDARD, Engine};
use burn::tensor::Device;
use serde_json::{Value, json};

use crate::common::{cpu, fashion_mnist, first, random, relative_error, values, wgpu};
use fmnist::dataset::{FASHION_MNIST_SPEC, ImageShape, Spec, Split};
use fmnist::model::ModelKind;
use fmnist::ops::gather::{Augment, Normalization};
use fmnist::train::recipe::Recipe;
use fmnist::train::{ClassWeights, DeviceSplit, Learner, Settings, State, Tally, shuffled};
use fmnist::web::{Contents, Data, EVALUATION_BATCH, Packed, page};

const BATCH: usize = 12;
const STEPS: usize = 10;
/// One batch to measure the normalisation by: the page takes it from the order of its steps.
const IMAGES: usize = EVALUATION_BATCH;
const _: () = assert!(IMAGES / BATCH == STEPS);
const SEED: u64 = 0x2_3456_789a;
/// Relative to the largest value of each array. Where a gradient is almost 0, its sign is a matter of rounding, and
/// AdamW makes a whole step of it; that of the gradient itself is smaller, where no two values of a pool are so close
/// that rounding decides between them: on these images none are.
const BOUND: f32 = 2e-3;
const GRADIENT_BOUND: f32 = 5e-6;

/// All that can be done to images, at once.
const CHANGED: Augment = Augment {
    crop: 20,
    flip: true,
    shift: 2,
    erase: 50,
    erase_side: 7,
    cutmix: 30,
    mixup: 30,
    color: 20,
};

/// Coloured noise of seven classes, of which some are rare.
fn colours() -> Split {
    let shape = ImageShape {
        channels: 3,
        height: 21,
        width: 18,
    };
    let bytes = random(IMAGES * shape.values(), 5);
    let images = bytes.iter().map(|x| x.to_bits() as u8).collect();
    let labels = (0..IMAGES).map(|i| ((i * i) % 7) as u16).collect();
    let data = Split::new(Spec::new(shape, 7), images, labels).expect("they fit together");
    let spec = data.spec.measured(&data);
    Split { spec, ..data }
}

/// What is compared: a name, what is trained, and on which images.
fn cases() -> Vec<(&'static str, Settings, Split)> {
    let garments = first(&fashion_mnist().train, IMAGES);
    let settings = |recipe: Recipe, spec| Settings {
        epochs: 2,
        batch_size: BATCH,
        seed: SEED,
        ..Settings::new(recipe, &ModelKind::ALL, spec)
    };
    let mut wide = settings(Recipe::Best, FASHION_MNIST_SPEC);
    let cnn = &mut wide.models[1];
    cnn.architecture.widths = vec![36.into(), 40.into()];
    cnn.training.dropout = 0.3;

    let noise = colours();
    let mut changed = settings(Recipe::Best, noise.spec);
    for model in &mut changed.models {
        model.architecture.normalization = Normalization::Centered;
        model.training.augment = CHANGED;
        model.training.class_weights = ClassWeights::Balanced;
    }
    vec![
        (
            "plain",
            settings(Recipe::Plain, FASHION_MNIST_SPEC),
            garments.clone(),
        ),
        ("wide", wide, garments),
        ("changed", changed, noise),
    ]
}

/// How a model begins, its first batch, its first step's sums, moments and gradients, and what all steps make.
struct Course {
    beginning: State,
    batch: [Vec<f32>; 2],
    sums: Vec<[f32; 3]>,
    gradients: Vec<f32>,
    end: State,
    probabilities: Vec<f32>,
}

fn course(settings: &Settings, model: usize, data: &Split, device: &Device) -> Course {
    let images = DeviceSplit::upload(data.clone(), device);
    let mut learner = Learner::new(&settings.models[model], settings, &images, device);
    let beginning = learner.state().expect("the device works");
    let schedule = settings.models[model]
        .training
        .schedule(settings.epochs, STEPS);
    let mut batch = None;
    let mut sums = Vec::new();
    let mut gradients = Vec::new();
    for (step, next) in learner.batches(1).take(STEPS).enumerate() {
        let mut tally = Tally::default();
        learner.step(&next, step, schedule.learning_rate(step), &mut tally);
        sums.push(tally.sums().expect("the device works").0);
        if step == 0 {
            let state = learner.state().expect("the device works");
            // The first moment is a tenth of the first gradient.
            gradients = state.optimizer.moments.moments_1.concat();
        }
        batch.get_or_insert([values(next.images), values(next.targets)]);
    }
    let (_, probabilities) = learner.predict(&images).expect("the device works");
    Course {
        beginning,
        batch: batch.expect("there are images"),
        sums,
        gradients,
        end: learner.state().expect("the device works"),
        probabilities: probabilities.values().to_vec(),
    }
}

fn floats(values: &[f32]) -> Value {
    let bytes: Vec<u8> = values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    BASE64_STANDARD.encode(bytes).into()
}

#[test]
fn the_pages_steps_are_those_of_both_backends() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("steps");
    fs::create_dir_all(&folder).expect("a folder can be made");
    for (name, settings, data) in cases() {
        let mut models = Vec::new();
        for (index, model) in settings.models.iter().enumerate() {
            let kind = model.architecture.model;
            let [on_cpu, on_wgpu] =
                [cpu(), wgpu()].map(|device| course(&settings, index, &data, &device));
            assert_eq!(on_cpu.beginning, on_wgpu.beginning);
            assert_eq!(on_cpu.batch, on_wgpu.batch, "{name}, {kind}");
            let flat = |state: &State| state.weights.concat();
            for (what, a, b, bound) in [
                (
                    "gradients",
                    &on_wgpu.gradients,
                    &on_cpu.gradients,
                    GRADIENT_BOUND,
                ),
                ("weights", &flat(&on_wgpu.end), &flat(&on_cpu.end), BOUND),
                (
                    "probabilities",
                    &on_wgpu.probabilities,
                    &on_cpu.probabilities,
                    BOUND,
                ),
            ] {
                let error = relative_error(a, b);
                println!("{name}, {kind}: {what} differ by {error:.1e}");
                assert!(error <= bound, "{name}, {kind}: {what} differ by {error:e}");
            }
            models.push(json!({
                "beginning": floats(&flat(&on_wgpu.beginning)),
                "images": floats(&on_wgpu.batch[0]),
                "targets": floats(&on_wgpu.batch[1]),
                "sums": floats(on_wgpu.sums.as_flattened()),
                "gradients": floats(&on_wgpu.gradients),
                "end": floats(&flat(&on_wgpu.end)),
                "probabilities": floats(&on_wgpu.probabilities),
            }));
        }
        let packed = Packed::new([&data; 3], IMAGES, BATCH).expect("they can be packed");
        let classes: Vec<String> = (0..data.spec.classes)
            .map(|class| format!("class {class}"))
            .collect();
        let contents = Contents {
            dataset: name,
            class_names: &classes,
            spec: data.spec,
            resize: None,
            settings: &settings,
            trained: Vec::new(),
            test: &data,
            packed: Some(packed),
        };
        let html = page(&Data::new(contents).expect("it is JSON")).expect("it is JSON");
        fs::write(folder.join(format!("{name}.html")), html).expect("it can be written");
        let expected = json!({
            "steps": STEPS,
            "order": shuffled(IMAGES, SEED, 1),
            "bounds": { "gradients": GRADIENT_BOUND, "end": BOUND, "probabilities": BOUND },
            "models": models,
        });
        fs::write(folder.join(format!("{name}.json")), expected.to_string())
            .expect("it can be written");
    }
}

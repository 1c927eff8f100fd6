//! Images of one's own: 28×28 bytes each, light on black, with labels from 0 to 9.
//!
//! `cargo run --release --example own_dataset`

use fmnist::Result;
use fmnist::dataset::{CLASSES, FASHION_MNIST_SPEC, PIXELS, SIDE, Split};
use fmnist::device::{self, BackendChoice};
use fmnist::model::ModelKind;
use fmnist::train::history::History;
use fmnist::train::recipe::Recipe;
use fmnist::train::{self, DeviceSplit, Learner, Settings};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A hand of a clock: its hour, of ten, is the label.
fn clock(hour: u16, rng: &mut impl Rng) -> Vec<u8> {
    let turn = f32::from(hour) / CLASSES as f32 + rng.random_range(-0.03..0.03);
    let (sin, cos) = (std::f32::consts::TAU * turn).sin_cos();
    let middle = SIDE as f32 / 2.0;
    let [x0, y0] = [0; 2].map(|_| middle + rng.random_range(-2.0..2.0));
    let length = rng.random_range(8.0..11.0);
    let mut image = vec![0; PIXELS];
    for (at, pixel) in image.iter_mut().enumerate() {
        let (x, y) = ((at % SIDE) as f32 - x0, (at / SIDE) as f32 - y0);
        let (along, across) = (x * sin - y * cos, x * cos + y * sin);
        let in_hand = (0.0..length).contains(&along) && across.abs() < 1.5;
        let light = if in_hand { 180 } else { 0 };
        *pixel = light + rng.random_range(0..60);
    }
    image
}

/// As many clocks, with their hours.
fn clocks(count: usize, seed: u64) -> Result<Split> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let labels: Vec<u16> = (0..count).map(|i| (i % CLASSES) as u16).collect();
    let images = labels.iter().flat_map(|&hour| clock(hour, &mut rng));
    Ok(Split::new(FASHION_MNIST_SPEC, images.collect(), labels)?)
}

fn main() -> Result<()> {
    let device = device::select(BackendChoice::Auto, None)?.device;
    let [training, validation, test] =
        [(3_000, 1), (500, 2), (500, 3)].map(|(count, seed)| -> Result<_> {
            let split = clocks(count, seed)?;
            Ok(DeviceSplit::upload(split, &device))
        });
    let training = training?;
    let settings = Settings {
        epochs: 3,
        ..Settings::new(Recipe::Plain, &[ModelKind::Cnn], FASHION_MNIST_SPEC)
    };
    let model = &settings.models[0];
    let mut learners = [Learner::new(model, &settings, &training, &device)];
    let (epochs, before) = (settings.epochs, History::default());
    let history = train::train(epochs, &mut learners, before, &validation?, &mut ())?;
    for epoch in &history.records {
        let accuracy = 100.0 * epoch.validation_accuracy;
        println!("epoch {}: validation accuracy {accuracy:.1} %", epoch.epoch);
    }
    let accuracy = learners[0].evaluate(&test?)?.accuracy;
    println!("test accuracy {:.1} %", 100.0 * accuracy);
    assert!(accuracy > 0.8, "it has not learned to read a clock");
    Ok(())
}

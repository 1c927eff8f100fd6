//! Weights of classes: what they do to the loss, and for a rare class.

use crate::common::{cpu, learner, losses, random, wgpu};
use burn::tensor::Device;
use fmnist::dataset::{ImageShape, Spec, Split};
use fmnist::model::{Implementation, ModelKind, argmax};
use fmnist::train::recipe::Recipe;
use fmnist::train::{ClassWeights, DeviceSplit, Settings};

on_each_device!(
    losses_are_weighted_and_validation_is_not,
    a_rare_class_is_found_more_often,
);

/// So few images of each class, of noise that is a little brighter from class to class.
fn noise(counts: &[usize], seed: u64) -> Split {
    let shape = ImageShape {
        channels: 1,
        height: 9,
        width: 11,
    };
    // Spread over the set, as any prefix of it would be too.
    let mut places: Vec<(usize, usize)> = (counts.iter().enumerate())
        .flat_map(|(class, &count)| (0..count).map(move |i| (i * 10_000 / count, class)))
        .collect();
    places.sort_unstable();
    let noise = random(places.len() * shape.values(), seed);
    let noise = noise.chunks(shape.values()).zip(&places);
    let images = noise.flat_map(|(noise, &(_, class))| {
        let level = 80.0 + 30.0 * class as f32;
        noise.iter().map(move |x| (level + 80.0 * x) as u8)
    });
    let images = images.collect();
    let labels = places.iter().map(|&(_, class)| class as u16).collect();
    Split::new(Spec::new(shape, counts.len()), images, labels).expect("they fit together")
}

/// The plain recipe for one dense model.
fn settings(data: &Split, class_weights: ClassWeights, batch_size: usize) -> Settings {
    let mut settings = Settings {
        batch_size,
        ..Settings::new(Recipe::Plain, &[ModelKind::Dense], data.spec)
    };
    settings.models[0].training.class_weights = class_weights;
    settings
}

fn losses_are_weighted_and_validation_is_not(device: &Device) {
    let data = noise(&[60, 30, 0, 10], 1);
    // 100 / (3 · 60), 100 / (3 · 30), and so on; the third class does not occur.
    let balanced = [5.0 / 9.0, 10.0 / 9.0, f64::NAN, 10.0 / 3.0];
    let images = DeviceSplit::upload(data.clone(), device);
    assert_eq!(images.class_counts(), [60, 30, 0, 10]);
    for implementation in [Implementation::Fused, Implementation::Reference] {
        for (class_weights, weights) in [
            (ClassWeights::None, [1.0; 4]),
            (ClassWeights::Balanced, balanced),
        ] {
            let settings = Settings {
                implementation,
                ..settings(&data, class_weights, data.len())
            };
            let mut learner = learner(&settings, &images, device);
            let (metrics, probabilities) = learner.predict(&images).expect("the device works");
            let mean = |weights: &[f64; 4]| {
                let rows = probabilities.rows().zip(&data.labels);
                let losses = rows.map(|(row, &label)| {
                    let label = usize::from(label);
                    -weights[label] * f64::from(row[label]).ln()
                });
                losses.sum::<f64>() / data.len() as f64
            };
            // The whole set is one batch.
            let trained = losses(&mut learner, 1, 1e-3)[0];
            for (loss, expected) in [(metrics.loss, mean(&[1.0; 4])), (trained, mean(&weights))] {
                let error = (loss - expected).abs();
                assert!(
                    error <= 1e-5,
                    "{implementation:?}, {class_weights:?}: {loss}, not {expected}"
                );
            }
        }
    }
}

fn a_rare_class_is_found_more_often(device: &Device) {
    let (training, test) = (noise(&[1000, 50], 1), noise(&[300, 300], 2));
    let images = [&training, &test].map(|split| DeviceSplit::upload(split.clone(), device));
    let [none, balanced] = [ClassWeights::None, ClassWeights::Balanced].map(|class_weights| {
        let settings = settings(&training, class_weights, 32);
        let mut learner = learner(&settings, &images[0], device);
        for _ in 0..8 {
            learner
                .train_epoch(&mut ())
                .expect("training does not fail");
        }
        let (_, probabilities) = learner.predict(&images[1]).expect("the device works");
        [0, 1].map(|class| {
            let rows = probabilities.rows().zip(&test.labels);
            let own = rows.filter(|(_, label)| **label == class);
            let found = own.filter(|(row, _)| argmax(row) == usize::from(class));
            found.count() as f64 / 300.0
        })
    });
    println!("recalls {none:?}, balanced {balanced:?}");
    assert!(
        balanced[1] > none[1] + 0.15,
        "{none:?}, balanced {balanced:?}"
    );
    assert!(balanced[0] > 0.6, "{balanced:?}");
}

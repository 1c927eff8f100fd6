//! The stand-in: reproducible, balanced, and neither trivial nor hopeless.

use fmnist::dataset::synthetic::{self, Part};
use fmnist::dataset::{CLASSES, FASHION_MNIST_CLASSES, PIXELS, Split};

#[test]
fn the_same_seed_gives_the_same_images() {
    assert_eq!(
        synthetic::split(7, Part::Train, 500),
        synthetic::split(7, Part::Train, 500)
    );
}

#[test]
fn an_image_does_not_depend_on_how_many_are_made() {
    let many = synthetic::split(7, Part::Test, 1000);
    for n in [0, 1, 13, 999] {
        let mut first = many.clone();
        first.truncate(n);
        assert_eq!(
            synthetic::split(7, Part::Test, n),
            first,
            "the first {n} images"
        );
    }
}

#[test]
fn seeds_parts_and_indices_give_different_images() {
    let a = synthetic::split(7, Part::Train, 100);
    let b = synthetic::split(8, Part::Train, 100);
    let c = synthetic::split(7, Part::Test, 100);
    let mut images: Vec<&[u8]> = [&a, &b, &c].into_iter().flat_map(Split::images).collect();
    images.sort_unstable();
    images.dedup();
    assert_eq!(images.len(), 300);
}

/// Pins the drawings: a change of them changes every published number on the stand-in.
#[test]
fn the_drawings_are_these() {
    let split = synthetic::split(0, Part::Train, 1000);
    let hash = split
        .packed()
        .iter()
        .map(|&byte| u16::from(byte))
        .chain(split.labels.iter().copied())
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    assert_eq!(
        hash, 11_776_571_403_914_553_305,
        "FNV-1a of the first 1,000 images and labels"
    );
}

#[test]
fn the_whole_dataset_is_balanced_and_named() {
    let dataset = synthetic::dataset();
    assert_eq!(dataset.name, "synthetic (stand-in)");
    assert_eq!(dataset.class_names, FASHION_MNIST_CLASSES);
    for (split, n) in [(&dataset.train, 60_000), (&dataset.test, 10_000)] {
        assert_eq!(split.packed().len(), n * PIXELS);
        let mut counts = [0; CLASSES];
        for &label in &split.labels {
            counts[usize::from(label)] += 1;
        }
        assert_eq!(counts, [n / CLASSES; CLASSES]);
    }
}

/// Softmax regression on the pixels by plain gradient descent, as an independent measure of how
/// hard the classes are.
#[test]
fn a_linear_classifier_gets_some_of_it_and_a_hidden_layer_more() {
    let train = synthetic::split(1, Part::Train, 12_000);
    let test = synthetic::split(1, Part::Test, 2_000);
    let linear = softmax_regression(&train, &test, 6);
    let hidden = one_hidden_layer(&train, &test, 64, 6);
    println!("linear {linear:.3}, one hidden layer {hidden:.3}");
    assert!((0.60..0.85).contains(&linear), "linear: {linear}");
    assert!(hidden > linear + 0.05, "hidden: {hidden}, linear: {linear}");
}

fn pixels(split: &Split, index: usize) -> Vec<f32> {
    split
        .image(index)
        .iter()
        .map(|&pixel| f32::from(pixel) / 255.0)
        .collect()
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn accuracy(split: &Split, classify: impl Fn(&[f32]) -> Vec<f32>) -> f64 {
    let right = (0..split.len()).filter(|&index| {
        let scores = classify(&pixels(split, index));
        let best = (0..CLASSES).max_by(|&a, &b| scores[a].total_cmp(&scores[b]));
        best == Some(usize::from(split.labels[index]))
    });
    right.count() as f64 / split.len() as f64
}

/// Softmax of `scores`, less the one-hot vector of `label`: the gradient of cross-entropy.
fn error_of(scores: &[f32], label: u16) -> Vec<f32> {
    let highest = scores.iter().copied().fold(f32::MIN, f32::max);
    let mut error: Vec<f32> = scores.iter().map(|score| (score - highest).exp()).collect();
    let sum: f32 = error.iter().sum();
    error.iter_mut().for_each(|value| *value /= sum);
    error[usize::from(label)] -= 1.0;
    error
}

/// A layer of `outputs` weight rows, each with its bias as the last value, in one vector.
struct Layer {
    weights: Vec<f32>,
    inputs: usize,
}

impl Layer {
    fn new(inputs: usize, outputs: usize, spread: f32) -> Self {
        let mut state = 1_u32;
        let weights = (0..(inputs + 1) * outputs).map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            ((state >> 8) as f32 / (1 << 24) as f32 - 0.5) * spread
        });
        Self {
            weights: weights.collect(),
            inputs,
        }
    }

    fn forward(&self, x: &[f32]) -> Vec<f32> {
        self.weights
            .chunks(self.inputs + 1)
            .map(|row| dot(&row[..self.inputs], x) + row[self.inputs])
            .collect()
    }

    fn descend(&mut self, x: &[f32], error: &[f32], rate: f32) {
        for (row, error) in self.weights.chunks_mut(self.inputs + 1).zip(error) {
            if *error != 0.0 {
                row.iter_mut()
                    .zip(x)
                    .for_each(|(weight, x)| *weight -= rate * error * x);
                row[self.inputs] -= rate * error;
            }
        }
    }
}

fn softmax_regression(train: &Split, test: &Split, epochs: u16) -> f64 {
    let mut layer = Layer::new(PIXELS, CLASSES, 0.0);
    for epoch in 0..epochs {
        let rate = 0.01 / (1.0 + f32::from(epoch));
        for index in 0..train.len() {
            let x = pixels(train, index);
            let error = error_of(&layer.forward(&x), train.labels[index]);
            layer.descend(&x, &error, rate);
        }
    }
    accuracy(test, |x| layer.forward(x))
}

fn one_hidden_layer(train: &Split, test: &Split, units: usize, epochs: u16) -> f64 {
    let mut first = Layer::new(PIXELS, units, 0.1);
    let mut second = Layer::new(units, CLASSES, 0.2);
    let relu =
        |values: Vec<f32>| -> Vec<f32> { values.into_iter().map(|value| value.max(0.0)).collect() };
    for epoch in 0..epochs {
        let rate = 0.02 / (1.0 + 0.5 * f32::from(epoch));
        for index in 0..train.len() {
            let x = pixels(train, index);
            let hidden = relu(first.forward(&x));
            let error = error_of(&second.forward(&hidden), train.labels[index]);
            let back: Vec<f32> = (0..units)
                .map(|unit| match hidden[unit] > 0.0 {
                    true => (0..CLASSES)
                        .map(|class| error[class] * second.weights[class * (units + 1) + unit])
                        .sum(),
                    false => 0.0,
                })
                .collect();
            second.descend(&hidden, &error, rate);
            first.descend(&x, &back, rate);
        }
    }
    accuracy(test, |x| second.forward(&relu(first.forward(x))))
}

//! The normalisation on each backend, against its formula, finite differences and Burn's own; and
//! that folding it into the weights changes nothing.

use crate::common::shapes::NORMS;
use crate::common::{
    cpu, fashion_mnist, first, learner, plain, relative_error, stages, values, wgpu,
};
use burn::Tensor;
use burn::tensor::{Device, TensorData};
use fmnist::model::{Classifier, ModelKind};
use fmnist::ops::channel_norm::{EPSILON, channel_norm, reference};
use fmnist::ops::dropout::Dropout;
use fmnist::train::DeviceSplit;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

on_each_device!(
    does_what_its_formula_says,
    gradients_agree_with_finite_differences,
    agrees_with_burns_own,
    a_channel_of_zeros_stays_finite,
    a_folded_model_computes_the_same,
    what_only_augmentation_shows_is_not_amplified,
);

fn random(dims: [usize; 4], seed: u64) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let len = dims.iter().product();
    (0..len).map(|_| rng.random_range(-1.0..2.0)).collect()
}

fn tensor(values: &[f32], dims: [usize; 4], device: &Device) -> Tensor<4> {
    Tensor::from_data(TensorData::new(values.to_vec(), dims), device)
}

/// The output in f64.
fn define(values: &[f64], [batch, channels, height, width]: [usize; 4]) -> Vec<f64> {
    let plane = height * width;
    let channel_of = |i: usize| i / plane % channels;
    let mut squares = vec![0.0; channels];
    for (i, value) in values.iter().enumerate() {
        squares[channel_of(i)] += value * value;
    }
    let count = (batch * plane) as f64;
    let root = |i: usize| (squares[channel_of(i)] / count + f64::from(EPSILON)).sqrt();
    values
        .iter()
        .enumerate()
        .map(|(i, x)| x / root(i))
        .collect()
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().copied().map(f64::from).collect()
}

fn does_what_its_formula_says(device: &Device) {
    for dims in NORMS {
        let input = random(dims, 1);
        let output = values(channel_norm(tensor(&input, dims, device)));
        let expected: Vec<f32> = define(&wide(&input), dims)
            .iter()
            .map(|&x| x as f32)
            .collect();
        let error = relative_error(&output, &expected);
        assert!(error <= 1e-6, "{dims:?}: error {error:e}");
    }
}

/// The gradient of `sum(output · weights)`.
fn gradient(norm: fn(Tensor<4>) -> Tensor<4>, dims: [usize; 4], device: &Device) -> Vec<f32> {
    let device = device.clone().autodiff();
    let input = tensor(&random(dims, 1), dims, &device).require_grad();
    let weights = tensor(&random(dims, 2), dims, &device);
    let gradients = (norm(input.clone()) * weights).sum().backward();
    values(input.grad(&gradients).expect("the input has a gradient"))
}

fn gradients_agree_with_finite_differences(device: &Device) {
    let dims = [3, 5, 2, 9];
    let (input, weights) = (wide(&random(dims, 1)), wide(&random(dims, 2)));
    let loss = |input: &[f64]| -> f64 {
        let products = define(input, dims);
        products.iter().zip(&weights).map(|(y, w)| y * w).sum()
    };
    let expected: Vec<f32> = (0..input.len())
        .map(|i| {
            let moved = |by: f64| {
                let mut moved = input.clone();
                moved[i] += by;
                loss(&moved)
            };
            ((moved(1e-4) - moved(-1e-4)) / 2e-4) as f32
        })
        .collect();
    let error = relative_error(&gradient(channel_norm, dims, device), &expected);
    assert!(error <= 1e-5, "error {error:e}");
}

fn agrees_with_burns_own(device: &Device) {
    for dims in NORMS {
        let actual = gradient(channel_norm, dims, device);
        let expected = gradient(reference::channel_norm, dims, device);
        // A single value has next to no gradient: its output is 1 whatever it is.
        let scale = expected.iter().fold(1.0f32, |most, x| most.max(x.abs()));
        for (actual, expected) in actual.iter().zip(&expected) {
            let error = (actual - expected).abs() / scale;
            assert!(error <= 1e-5, "{dims:?}: {actual}, not {expected}");
        }
    }
}

fn a_channel_of_zeros_stays_finite(device: &Device) {
    let device = device.clone().autodiff();
    let input = Tensor::<4>::zeros([2, 3, 4, 4], &device).require_grad();
    let output = channel_norm(input.clone());
    let gradients = output.clone().sum().backward();
    assert!(values(output).iter().all(|&y| y == 0.0));
    let gradient = values(input.grad(&gradients).expect("the input has a gradient"));
    let expected = 1.0 / EPSILON.sqrt();
    assert!(
        gradient
            .iter()
            .all(|g| (g - expected).abs() <= 1e-3 * expected)
    );
}

/// On the images that the roots were measured on, all in one batch, the folded model without
/// normalisation and the model with it have the same logits.
fn a_folded_model_computes_the_same(device: &Device) {
    let images = DeviceSplit::upload(first(&fashion_mnist().train, 125), device);
    let mut settings = plain(&[ModelKind::Cnn], 25, 4);
    let architecture = &mut settings.models[0].architecture;
    architecture.channel_norm = true;
    architecture.widths = stages(["8-12", "16"]);
    let mut learner = learner(&settings, &images, device);
    learner.train_epoch(&mut ()).expect("it trains");
    let folded = learner.model();
    let batch = images.batches(125).next().expect("a batch").images;

    let same = folded.forward(batch.clone());
    // Normalising what is normalised already changes nothing, but for ε.
    let training = |model: &Classifier, images| {
        let features = model.forward_features(images, &mut Dropout::off());
        model.head().forward(features)
    };
    let twice = training(&folded, batch.clone());
    assert_eq!(
        values(same.clone()),
        values(twice),
        "nothing is left to normalise"
    );
    let with = training(&learner.training_model(), batch);
    let error = relative_error(&values(same), &values(with));
    assert!(error <= 1e-4, "error {error:e}");
}

/// Every channel answers a hundred times as strongly to augmented images as to those that training began with.
fn what_only_augmentation_shows_is_not_amplified(device: &Device) {
    let images = DeviceSplit::upload(first(&fashion_mnist().train, 50), device);
    let mut settings = plain(&[ModelKind::Cnn], 25, 4);
    let architecture = &mut settings.models[0].architecture;
    architecture.channel_norm = true;
    architecture.widths = stages(["8-12", "16"]);
    architecture.hidden.clear();
    let model = learner(&settings, &images, device).training_model();
    let augmented = images.batches(50).next().expect("a batch").images;
    let dim = augmented.clone() * 0.01;
    let roots = |model: &Classifier, images| {
        let features = model.forward_features(images, &mut Dropout::off());
        let [batch, len] = features.dims();
        let maps = features.reshape([batch, 16, len / 16, 1]);
        values(reference::mean_square(maps).sqrt())
    };
    let active: Vec<bool> = (roots(&model, augmented.clone()).iter())
        .map(|&root| root > 0.5)
        .collect();
    assert!(active.iter().filter(|&&active| active).count() > 8);

    let folded = |augmented: Option<Tensor<4>>| {
        let model = model.clone();
        model.folded([dim.clone()].into_iter(), augmented.into_iter())
    };
    let bounded = roots(&folded(Some(augmented.clone())), augmented.clone());
    let unbounded = roots(&folded(None), augmented);
    for ((bounded, unbounded), active) in bounded.iter().zip(&unbounded).zip(active) {
        assert!(*bounded <= 2.001, "{bounded}");
        assert!(!active || *unbounded > 10.0, "{unbounded}");
    }
}

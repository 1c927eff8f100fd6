//! The normalisation on each backend, against its formula, finite differences and Burn's own; and
//! that folding it into the weights changes nothing.

use crate::common::shapes::NORMS;
use crate::common::{cpu, fashion_mnist, first, learner, plain, relative_error, stages, values};
use burn::Tensor;
use burn::tensor::{Device, TensorData};
use fmnist::dataset::{ImageShape, Spec, Split};
use fmnist::model::{Classifier, ModelKind};
use fmnist::ops::channel_norm::{EPSILON, channel_norm, reference};
use fmnist::ops::dropout::Dropout;
use fmnist::ops::gather::{Augment, Normalization};
use fmnist::train::{DeviceSplit, ModelSettings, Settings};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

on_each_class!(
    does_what_its_formula_says,
    gradients_agree_with_finite_differences,
    agrees_with_burns_own,
    a_channel_of_zeros_stays_finite,
    a_folded_model_computes_the_same,
    what_only_augmentation_shows_is_not_amplified,
    a_learner_measures_augmented_images_too,
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

/// The root mean square of each channel of the last block's output, which is all that there is before the head.
fn roots(model: &Classifier, images: Tensor<4>) -> Vec<f32> {
    let features = model.forward_features(images, &mut Dropout::off());
    let [batch, len] = features.dims();
    let maps = features.reshape([batch, 16, len / 16, 1]);
    values(reference::mean_square(maps).sqrt())
}

fn without_hidden_layers(settings: &mut Settings) -> &mut ModelSettings {
    let model = &mut settings.models[0];
    model.architecture.channel_norm = true;
    model.architecture.widths = stages(["8-12", "16"]);
    model.architecture.hidden.clear();
    model
}

/// Channels that are next to nothing on dim images, and not on augmented ones, are twice as large as in training; all
/// others are what they are without augmented images, bit for bit.
fn what_only_augmentation_shows_is_not_amplified(device: &Device) {
    let images = DeviceSplit::upload(first(&fashion_mnist().train, 50), device);
    let mut settings = plain(&[ModelKind::Cnn], 25, 4);
    without_hidden_layers(&mut settings);
    let model = learner(&settings, &images, device).training_model();
    let augmented = images.batches(50).next().expect("a batch").images;
    let dim = augmented.clone() * 0.01;
    let folded = |plain: &Tensor<4>, augmented: Option<&Tensor<4>>| {
        let model = model.clone();
        model.folded([plain.clone()].into_iter(), augmented.cloned().into_iter())
    };

    let bounded = roots(&folded(&dim, Some(&augmented)), augmented.clone());
    let unbounded = roots(&folded(&dim, None), augmented.clone());
    let rare = (bounded.iter().zip(&unbounded))
        .filter(|(bounded, unbounded)| {
            assert!(**bounded <= 2.001, "{bounded}");
            **unbounded > 10.0 && **bounded > 1.999
        })
        .count();
    assert!(rare > 4, "{bounded:?} {unbounded:?}");

    let [with, without] = [Some(&augmented), None].map(|other| folded(&augmented, other));
    assert_eq!(
        values(with.forward(augmented.clone())),
        values(without.forward(augmented))
    );
}

/// Grey noise on which black edges are shifted in: by far the darkest there is.
fn a_learner_measures_augmented_images_too(device: &Device) {
    let shape = ImageShape {
        channels: 1,
        height: 28,
        width: 28,
    };
    let noise = random([100, 1, 28, 28], 3);
    let grey = noise.iter().map(|x| (128.0 + 4.0 * x) as u8).collect();
    let labels = (0..100).map(|i| i % 10).collect();
    let data = Split::new(Spec::new(shape, 10), grey, labels).expect("they fit together");
    let spec = data.spec.measured(&data);
    let images = DeviceSplit::upload(Split { spec, ..data }, device);
    let largest = |shift: u8| {
        let mut settings = plain(&[ModelKind::Cnn], 25, 4);
        let model = without_hidden_layers(&mut settings);
        model.architecture.normalization = Normalization::Centered;
        model.training.augment.shift = shift;
        let folded = learner(&settings, &images, device).model();
        let augment = Augment {
            shift: 4,
            ..Augment::NONE
        };
        let shifted = images.epoch(100, 0, 1).augmented(augment);
        let mut shifted = shifted.normalized(Normalization::Centered);
        let shifted = shifted.next().expect("a batch").images;
        roots(&folded, shifted).into_iter().fold(0.0, f32::max)
    };
    let (bounded, unbounded) = (largest(4), largest(0));
    assert!(bounded < 2.5, "{bounded}");
    assert!(unbounded > 5.0, "{unbounded}");
}

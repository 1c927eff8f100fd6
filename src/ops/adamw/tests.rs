//! The optimizer on devices that bind few buffers: a step is several launches.

use burn::tensor::{Device, Tensor};

use super::*;
use crate::dataset::{ImageShape, Spec};
use crate::device::BackendChoice;
use crate::model::{Architecture, Classifier, Implementation, ModelKind};
use crate::ops::wgsl::launched;

const STEPS: usize = 4;
const RATE: f64 = 0.05;
const DECAY: f64 = 0.1;
/// A weight and a bias of each layer.
const PARAMETERS: usize = 12;

/// Four convolutions and two layers, of which some have lengths that are no multiple of four.
fn model(device: &Device) -> Classifier {
    let shape = ImageShape {
        channels: 3,
        height: 9,
        width: 8,
    };
    let architecture = Architecture {
        widths: vec!["5-6".parse().unwrap(), "7-3".parse().unwrap()],
        hidden: vec![21],
        ..Architecture::of(ModelKind::Cnn, Spec::new(shape, 5))
    };
    Classifier::new(&architecture, Implementation::Fused, 7, device)
}

fn gradients(model: &Classifier, device: &Device) -> GradientsParams {
    let images = Tensor::<1, burn::tensor::Int>::arange(0..2 * 3 * 9 * 8, device);
    let images = images.float().sin().reshape([2, 3, 9, 8]);
    GradientsParams::from_grads(model.forward(images).cos().sum().backward(), model)
}

fn values(model: &Classifier) -> Vec<Vec<f32>> {
    let weights = flattened(model).into_iter();
    weights
        .map(|weight| device::read(weight).unwrap())
        .collect()
}

/// Weights and averages after some steps whose launches bind `max_bindings` buffers, and those of Burn's own
/// operations from the same gradients.
fn after_steps(
    average_decay: Option<f64>,
    max_bindings: usize,
    device: &Device,
) -> [[Vec<Vec<f32>>; 2]; 2] {
    let mut expected = model(device);
    let mut split = expected.clone();
    let parameters = parameters_of::<CubeBackend>(&split).unwrap();
    let store = gpu::Store::with_bindings(&parameters, average_decay.is_some(), max_bindings);
    let mut optimizer = AdamW {
        store: Some(Store::Gpu(Box::new(store))),
        ..AdamW::new(DECAY, average_decay)
    };
    let mut reference = AdamW::reference(DECAY, average_decay);
    for _ in 0..STEPS {
        let [ours, theirs] = [0; 2].map(|_| gradients(&expected, device));
        launched::take();
        split = optimizer.step(RATE, split, ours);
        let launched = launched::take().into_iter();
        let steps = launched.filter(|launch| launch.name == "adamw/step");
        let bound: Vec<usize> = steps.map(|launch| launch.bindings.len()).collect();
        let others = plan::fixed_bindings() + usize::from(average_decay.is_some());
        let at_once = max_bindings - others;
        assert!(
            bound.iter().all(|&count| count <= max_bindings),
            "{bound:?}"
        );
        assert_eq!(bound.len(), PARAMETERS.div_ceil(at_once), "{bound:?}");
        expected = reference.step(RATE, expected, theirs);
    }
    let averages = [
        values(&optimizer.averaged(split.valid())),
        values(&reference.averaged(expected.valid())),
    ];
    let [ours, theirs] = averages;
    [[values(&split), ours], [values(&expected), theirs]]
}

#[test]
fn a_step_of_several_launches_is_the_same_step() {
    let selected = device::select(BackendChoice::Wgpu, None).unwrap();
    let device = selected.device.autodiff();
    for average_decay in [None, Some(0.9)] {
        let mut of_one_launch = None;
        // As many as there need be for one launch, and as few as some devices have.
        for max_bindings in [PARAMETERS + 5, 8, 7] {
            let [ours, theirs] = after_steps(average_decay, max_bindings, &device);
            let pairs = ours.iter().flatten().zip(theirs.iter().flatten());
            let pairs = pairs.flat_map(|(ours, theirs)| ours.iter().zip(theirs));
            let error = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(error <= 2e-6, "{max_bindings} bindings: error {error:e}");
            let [weights, averages] = &ours;
            assert_eq!(average_decay.is_none(), weights == averages);
            let moved = weights[0][0] - values(&model(&device))[0][0];
            assert!(moved.abs() > RATE as f32, "nothing moved");
            assert_eq!(of_one_launch.get_or_insert_with(|| ours.clone()), &ours);
        }
    }
}

//! The program of a step against what the native path launches.

use super::*;
use crate::dataset::{FASHION_MNIST_SPEC, ImageShape, Spec, Split};
use crate::device::{self, BackendChoice};
use crate::model::ModelKind;
use crate::ops::wgsl::launched::{self, Launched};
use crate::program::tests::{architectures, assert_same};
use crate::program::{Dispatch, MAX_BINDINGS, PAGE_CLASS};
use crate::train::recipe::Recipe;
use crate::train::{ClassWeights, DeviceSplit, Learner, Settings, Tally};

const IMAGES: usize = 25;
const BATCH: usize = 20;

/// Pictures in colour whose sides and classes divide by nothing.
fn odd_spec() -> Spec {
    let shape = ImageShape {
        channels: 3,
        height: 21,
        width: 14,
    };
    Spec::new(shape, 7)
}

fn images(spec: Spec) -> Split {
    let bytes = (0..IMAGES * spec.shape.values()).map(|i| (i * 31 % 251) as u8);
    let labels = (0..IMAGES).map(|i| (i % spec.classes) as u16).collect();
    Split::new(spec, bytes.collect(), labels).unwrap()
}

#[test]
fn a_step_is_what_the_native_path_launches() {
    for class in [AdapterClass::Software, AdapterClass::Discrete] {
        a_step_is_what_the_native_path_launches_on(class);
    }
}

fn a_step_is_what_the_native_path_launches_on(class: AdapterClass) {
    let device = device::select_as(BackendChoice::Wgpu, None, Some(class))
        .unwrap()
        .device;
    for spec in [FASHION_MNIST_SPEC, odd_spec()] {
        let split = DeviceSplit::upload(images(spec), &device);
        for recipe in [Recipe::Plain, Recipe::Standard, Recipe::Best] {
            for Architecture { model, widths, .. } in architectures(spec) {
                // They change no more than the loss.
                let weighted = (recipe == Recipe::Standard).then_some(ClassWeights::Balanced);
                for class_weights in [ClassWeights::None].into_iter().chain(weighted) {
                    let mut settings = Settings {
                        batch_size: BATCH,
                        ..Settings::new(recipe, &[model], spec)
                    };
                    settings.models[0].architecture.widths = widths.clone();
                    settings.models[0].training.class_weights = class_weights;
                    let model = settings.models[0].clone();
                    let mut learner = Learner::new(&model, &settings, &split, &device);
                    let mut tally = Tally::default();
                    // In the first step the optimizer gathers the parameters.
                    for batch in [BATCH, IMAGES - BATCH] {
                        let first = learner.batches(1).next().unwrap();
                        learner.step(&first, 0, 1e-3, &mut tally);
                        launched::take();
                        let skipped = usize::from(batch < BATCH);
                        let next = learner.batches(2).starting_at(skipped).next().unwrap();
                        assert_eq!(next.len(), batch);
                        learner.step(&next, 1, 1e-3, &mut tally);
                        let native = launched::take();
                        let mut written = model.program(IMAGES, batch, class);
                        let update = written.launches.pop().unwrap();
                        let update = &written.pipelines[update.pipeline];
                        assert!(update.name.starts_with("adamw/step"));
                        let sums_at_once = update.name == "adamw/step_of_sums";
                        assert_eq!(sums_at_once, class != AdapterClass::Software);
                        let mut native = without_update(native, sums_at_once);
                        with_sums_natively(&mut written, &mut native);
                        assert_same(&written, &native);
                    }
                }
            }
        }
    }
}

/// Where a program's last layer sums its features, natively they are summed before.
fn with_sums_natively(written: &mut Program, native: &mut Vec<Launched>) {
    let is_rows = |name: &str| name == "linear_cross_entropy/rows";
    let name = |launch: &Dispatch| written.pipelines[launch.pipeline].name;
    let Some(rows) = written
        .launches
        .iter()
        .position(|launch| is_rows(name(launch)))
    else {
        return;
    };
    let sum = (native
        .iter()
        .position(|launch| is_rows(launch.name))
        .unwrap())
        - 1;
    if rows == sum {
        assert_eq!(native[sum].name, "linear/sum_splits");
        native.drain(sum..sum + 2);
        written.launches.remove(rows);
    }
}

/// Natively the optimizer's gradients are buffers of their own, and summed before its step; a program may do both at
/// once.
fn without_update(mut native: Vec<Launched>, sums_at_once: bool) -> Vec<Launched> {
    let is_loss = |launch: &Launched| launch.name.contains("cross_entropy");
    let loss = native.iter().rposition(is_loss).expect("a step has a loss");
    let backward = native.split_off(loss);
    native.extend(backward.into_iter().filter(|launch| {
        let sums = ["conv_relu_pool/reduce_partials", "linear/sum_splits"];
        let is_sum = sums.contains(&launch.name);
        launch.name != "adamw/step" && !(sums_at_once && is_sum)
    }));
    native
}

#[test]
fn no_kernel_of_a_page_binds_more_than_every_device_has() {
    for recipe in [Recipe::Standard, Recipe::Best] {
        for kind in ModelKind::ALL {
            let model = recipe.model(kind, FASHION_MNIST_SPEC);
            let written = model.program(6_000, 128, PAGE_CLASS);
            let bindings = written.launches.iter().map(|launch| launch.bindings.len());
            assert!(bindings.max().is_some_and(|most| most <= MAX_BINDINGS));
        }
    }
}

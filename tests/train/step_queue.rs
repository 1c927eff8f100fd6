//! Steps that a GPU gets several at a time are those that it gets one by one from Burn: bit for bit.

use burn::tensor::Device;

use crate::common::{discrete, fashion_mnist, first, learner, plain, stages, wgpu};
use fmnist::dataset::FASHION_MNIST_SPEC;
use fmnist::model::ModelKind;
use fmnist::train::recipe::Recipe;
use fmnist::train::{ClassWeights, DeviceSplit, Learner, Settings, State, Tally};

const IMAGES: usize = 100;
const BATCH: usize = 24;
const RATE: f64 = 3e-3;
const EPOCHS: usize = 2;

/// Of a small net.
fn settings(recipe: Recipe, kind: ModelKind) -> Settings {
    let mut model = recipe.model(kind, FASHION_MNIST_SPEC);
    (model.architecture.widths, model.architecture.hidden) = match kind {
        ModelKind::Dense => (vec![], vec![36, 10]),
        ModelKind::Cnn => (vec![5.into(), 8.into()], vec![12]),
    };
    Settings {
        recipe,
        models: vec![model],
        epochs: EPOCHS,
        ..plain(&[kind], BATCH, 3)
    }
}

fn images(device: &Device) -> DeviceSplit {
    DeviceSplit::upload(first(&fashion_mnist().train, IMAGES), device)
}

/// The states after each step, by Burn's operations; with the sums of the epoch so far.
fn one_by_one(learner: &mut Learner) -> Vec<State> {
    let mut states = Vec::new();
    for epoch in 1..=EPOCHS {
        let mut tally = Tally::default();
        for batch in learner.batches(epoch) {
            learner.step(&batch, states.len(), RATE, &mut tally);
            let mut state = learner.state().expect("the device works");
            let (sums, images) = tally.sums().expect("the device works");
            (state.position.sums, state.position.images) = (sums, images);
            states.push(state);
        }
    }
    states
}

/// The same as far as they are asked for after a step, in steps that are submitted when that is due, or when
/// somebody asks.
fn together(
    learner: &mut Learner,
    step_seconds: f64,
    asked: impl Fn(usize) -> bool,
) -> Vec<(usize, State)> {
    let mut states = Vec::new();
    let mut step = 0;
    let mut batches = learner.batches(1);
    while learner.advance(&mut batches, step, RATE).is_some() {
        learner.set_step_seconds(step_seconds);
        if asked(step) {
            states.push((step, learner.state().expect("the device works")));
        }
        step += 1;
    }
    states
}

fn cases() -> Vec<Settings> {
    let mut cases = Vec::new();
    for kind in ModelKind::ALL {
        for recipe in [Recipe::Plain, Recipe::Standard, Recipe::Best] {
            cases.push(settings(recipe, kind));
        }
        let mut weighted = settings(Recipe::Best, kind);
        weighted.models[0].training.class_weights = ClassWeights::Balanced;
        weighted.models[0].training.dropout = 0.4;
        cases.push(weighted);
        // More masks than have one digit.
        let mut deep = settings(Recipe::Plain, kind);
        deep.models[0].training.dropout = 0.2;
        deep.models[0].architecture.hidden = vec![9; 13];
        cases.push(deep);
        if kind == ModelKind::Cnn {
            let mut staged = settings(Recipe::Best, kind);
            staged.models[0].architecture.widths = stages(["5-6", "8"]);
            cases.push(staged);
        }
    }
    cases
}

#[test]
fn steps_submitted_together_are_those_submitted_one_by_one() {
    compare(&wgpu(), cases());
}

/// The same by the kernels for many processors, which have enough channels for Winograd here, and features that are
/// summed in several ways.
#[test]
fn so_they_are_by_the_kernels_for_many_processors() {
    let mut cases = cases();
    for settings in &mut cases {
        for stage in &mut settings.models[0].architecture.widths {
            *stage = match stage.channels() {
                [_] => 16.into(),
                _ => "16-16".parse().expect("a stage"),
            };
        }
    }
    compare(&discrete(), cases);
}

fn compare(device: &Device, cases: Vec<Settings>) {
    let images = images(device);
    for settings in cases {
        let expected = one_by_one(&mut learner(&settings, &images, device));
        // One at a time, three, and as many as there are; asked for after each step, after some, at the end.
        for (step_seconds, every) in [(1.0, 1), (0.01, 2), (1e-6, 5), (0.01, 5)] {
            let mut learner = learner(&settings, &images, device);
            let asked = |step: usize| (step + 1).is_multiple_of(every);
            let states = together(&mut learner, step_seconds, asked);
            assert!(learner.bytes_besides() > 0, "steps did not wait together");
            assert_eq!(states.len(), IMAGES.div_ceil(BATCH) / every);
            for (step, state) in states {
                assert_eq!(state, expected[step], "{settings:?}, step {step}");
            }
        }
    }
}

/// Sixteen at a time, over epochs that end with a whole batch; each submission is another one's time for most steps.
#[test]
fn epochs_of_steps_together_end_as_those_of_steps_one_by_one() {
    let device = wgpu();
    let images = images(&device);
    for kind in ModelKind::ALL {
        let settings = Settings {
            batch_size: 2,
            ..settings(Recipe::Best, kind)
        };
        let expected = one_by_one(&mut learner(&settings, &images, &device));
        let mut learner = learner(&settings, &images, &device);
        let mut step = 0;
        for epoch in 1..=EPOCHS {
            let mut batches = learner.batches(epoch);
            while learner.advance(&mut batches, step, RATE).is_some() {
                learner.set_step_seconds(1e-6);
                step += 1;
            }
        }
        assert_eq!(learner.together(), 16);
        let state = learner.state().expect("the device works");
        let last = expected.last().expect("there are steps");
        assert_eq!(state.weights, last.weights, "{kind}");
        assert_eq!(state.optimizer, last.optimizer, "{kind}");
    }
}

/// A step that is taken by itself comes after those that wait.
#[test]
fn steps_keep_their_order() {
    let device = wgpu();
    let images = images(&device);
    let settings = settings(Recipe::Plain, ModelKind::Dense);
    let expected = one_by_one(&mut learner(&settings, &images, &device));
    let mut learner = learner(&settings, &images, &device);
    let mut batches = learner.batches(1);
    learner.advance(&mut batches, 0, RATE).expect("a batch");
    learner.set_step_seconds(1e-6);
    learner.advance(&mut batches, 1, RATE).expect("a batch");
    let batch = batches.next().expect("a batch");
    learner.step(&batch, 2, RATE, &mut Tally::default());
    let state = learner.state().expect("the device works");
    assert_eq!(state.weights, expected[2].weights);
}

/// What somebody holds stays what it was.
#[test]
fn a_model_that_is_held_does_not_learn() {
    let device = wgpu();
    let images = images(&device);
    let weights = |model: &fmnist::model::Classifier| {
        let layer = &model.layers[0].weight;
        layer
            .val()
            .into_data()
            .try_into_vec::<f32>()
            .expect("of f32")
    };
    for recipe in [Recipe::Plain, Recipe::Best] {
        let mut learner = learner(&settings(recipe, ModelKind::Dense), &images, &device);
        let mut batches = learner.batches(1);
        learner.advance(&mut batches, 0, RATE).expect("a batch");
        let (held, averaged) = (learner.training_model(), learner.model());
        let before = [weights(&held), weights(&averaged)];
        learner.advance(&mut batches, 1, RATE).expect("a batch");
        learner.submit();
        assert_ne!(weights(&learner.training_model()), before[0]);
        assert_eq!([weights(&held), weights(&averaged)], before);
    }
}

//! A learner goes on from a checkpoint as if it had never stopped, on each backend.

use crate::common::{cpu, fashion_mnist, first, learner, plain, wgpu};
use burn::tensor::Device;
use fmnist::dataset::FASHION_MNIST_SPEC;
use fmnist::model::{Classifier, Implementation, ModelKind};
use fmnist::ops::adamw;
use fmnist::run::checkpoint::{Checkpoint, RunIdentity};
use fmnist::train::recipe::Recipe;
use fmnist::train::{Callback, DeviceSplit, Learner, Settings, State, Step, Tally};
use fmnist::{Error, Result};

on_each_device!(
    goes_on_bit_for_bit_from_any_step,
    goes_on_bit_for_bit_with_burns_own_operations,
    another_models_state_is_refused,
    the_model_is_of_the_weights_as_they_stand,
    divergence_is_found_and_its_step_named,
);

/// Ends the training after a number of steps.
struct StopAfter(usize);

impl Callback for StopAfter {
    fn after_step(&mut self, _: &mut Learner, _: &Step) -> Result<()> {
        if self.0 == 0 {
            return Err(Error::other("stopped"));
        }
        self.0 -= 1;
        Ok(())
    }
}

fn settings(recipe: Recipe, kind: ModelKind, implementation: Implementation) -> Settings {
    Settings {
        recipe,
        models: vec![recipe.model(kind, FASHION_MNIST_SPEC)],
        epochs: 2,
        implementation,
        ..plain(&[kind], 24, 3)
    }
}

/// The state without what a clock measured.
fn untimed(learner: &mut Learner) -> State {
    let mut state = learner.state().expect("the device works");
    state.position.seconds = 0.0;
    state.position.busy_seconds = 0.0;
    state
}

/// Trains two epochs without a stop, and with stops after so many steps; each time another learner
/// goes on, from the bytes of a checkpoint.
fn assert_resumes(settings: &Settings, images: usize, stops: &[usize], device: &Device) {
    let images = DeviceSplit::upload(first(&fashion_mnist().train, images), device);
    let mut straight = learner(settings, &images, device);
    let expected = [(); 2].map(|()| straight.train_epoch(&mut ()).expect("it trains").0);

    let mut metrics = Vec::new();
    let mut stops = stops.iter().copied();
    let mut stopped = learner(settings, &images, device);
    while stopped.position().epochs < 2 {
        let mut stop = StopAfter(stops.next().unwrap_or(usize::MAX));
        match stopped.train_epoch(&mut stop) {
            Ok((of_epoch, _)) => metrics.push(of_epoch),
            Err(error) => assert_eq!(error.to_string(), "stopped"),
        }
        let checkpoint = Checkpoint {
            run: RunIdentity {
                model: settings.models[0].architecture.model,
                settings: settings.clone(),
                images: String::new(),
            },
            history: Vec::new(),
            state: stopped.state().expect("the device works"),
        };
        // A history is not part of this.
        let mut without_epochs = checkpoint.clone();
        without_epochs.state.position.epochs = 0;
        let mut bytes = Vec::new();
        let written = without_epochs.write(&mut bytes);
        written.expect("it has a form");
        let mut read = Checkpoint::decode(&bytes).expect("it is whole").state;
        read.position.epochs = checkpoint.state.position.epochs;
        assert_eq!(read, checkpoint.state);
        stopped = learner(settings, &images, device);
        stopped.restore(read).expect("it fits");
    }
    assert_eq!(metrics, expected);
    assert_eq!(untimed(&mut stopped), untimed(&mut straight));
    let mut fresh = learner(settings, &images, device);
    assert_ne!(untimed(&mut fresh).weights, untimed(&mut straight).weights);
}

fn goes_on_bit_for_bit_from_any_step(device: &Device) {
    for recipe in [Recipe::Plain, Recipe::Best] {
        for kind in ModelKind::ALL {
            // 100 images are five steps: within an epoch, before its first and after its last.
            let settings = settings(recipe, kind, Implementation::Fused);
            assert_resumes(&settings, 100, &[0, 2, 1, usize::MAX, 4], device);
        }
    }
}

fn goes_on_bit_for_bit_with_burns_own_operations(device: &Device) {
    let settings = settings(Recipe::Best, ModelKind::Dense, Implementation::Reference);
    assert_resumes(&settings, 100, &[2], device);
}

fn another_models_state_is_refused(device: &Device) {
    let images = DeviceSplit::upload(first(&fashion_mnist().train, 30), device);
    let of = |recipe, kind| {
        let mut learner = learner(
            &settings(recipe, kind, Implementation::Fused),
            &images,
            device,
        );
        learner.train_epoch(&mut ()).expect("it trains");
        learner
    };
    let mut dense = of(Recipe::Plain, ModelKind::Dense);
    let state = dense.state().expect("the device works");

    let mut other = of(Recipe::Best, ModelKind::Dense);
    let error = other.restore(state.clone()).expect_err("wider layers");
    assert!(error.to_string().contains("other shapes"), "{error}");

    let mut cut = state.clone();
    cut.optimizer.moments.moments_2.pop();
    let mut averaged = state.clone();
    averaged.optimizer.moments.averages = Some(state.weights.clone());
    let mut ahead = state.clone();
    ahead.position.steps = 1;
    let mut weights_only = state;
    weights_only.optimizer = adamw::State::default();
    for (state, part) in [
        (cut, "optimizer's state"),
        (averaged, "optimizer's state"),
        (ahead, "after step 1 of epoch 2"),
        (weights_only, "after step 0 of epoch 2"),
    ] {
        let mut dense = of(Recipe::Plain, ModelKind::Dense);
        let error = dense.restore(state).expect_err("it does not fit");
        assert!(error.to_string().contains(part), "{error}");
    }
}

/// The model for inference is kept until the weights change, whoever changes them.
fn the_model_is_of_the_weights_as_they_stand(device: &Device) {
    let images = DeviceSplit::upload(first(&fashion_mnist().train, 100), device);
    let weights = |model: Classifier| -> Vec<f32> {
        let data = model.layers[0].weight.val().into_data();
        data.try_into_vec().expect("of f32")
    };
    for recipe in [Recipe::Plain, Recipe::Best] {
        let settings = settings(recipe, ModelKind::Cnn, Implementation::Fused);
        let mut trained = learner(&settings, &images, device);
        let assert_current = |trained: &mut Learner| {
            let mut fresh = learner(&settings, &images, device);
            let state = trained.state().expect("the device works");
            fresh.restore(state).expect("it fits");
            let model = weights(trained.model());
            assert_eq!(model, weights(fresh.model()));
            assert_eq!(model, weights(trained.model()));
            model
        };
        let beginning = trained.state().expect("the device works");
        let mut models = vec![assert_current(&mut trained)];
        let stopped = trained.train_epoch(&mut StopAfter(0));
        assert!(stopped.is_err() && trained.position().steps == 1);
        models.push(assert_current(&mut trained));
        let batch = trained.batches(1).next().expect("a batch");
        trained.step(&batch, 1, 1e-3, &mut Tally::default());
        let stepped = weights(trained.model());
        assert!(!models.contains(&stepped) && models[0] != models[1]);
        trained.restore(beginning).expect("it fits");
        assert_eq!(assert_current(&mut trained), models[0]);
    }
}

fn divergence_is_found_and_its_step_named(device: &Device) {
    let images = DeviceSplit::upload(first(&fashion_mnist().train, 400), device);
    let mut settings = settings(Recipe::Plain, ModelKind::Cnn, Implementation::Fused);
    settings.models[0].training.learning_rate = 1e12;
    let mut diverging = learner(&settings, &images, device);
    let error = diverging.train_epoch(&mut ()).expect_err("it diverges");
    let Error::Diverged(diverged) = error else {
        panic!("another reason: {error:#}");
    };

    // The same steps one by one.
    let mut blind = learner(&settings, &images, device);
    let batches: Vec<_> = blind.batches(1).collect();
    let first = batches.iter().enumerate().position(|(step, batch)| {
        let mut tally = Tally::default();
        blind.step(batch, step, 1e12, &mut tally);
        !tally.read().expect("the device works").loss.is_finite()
    });
    assert_eq!(diverged.step, first.expect("it diverges") + 1);
    assert_eq!((diverged.model, diverged.epoch), (ModelKind::Cnn, 1));
}

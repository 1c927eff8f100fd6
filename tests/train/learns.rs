//! Both models learn on real data, on each backend.

use crate::common::{cpu, fashion_mnist, first, plain, random, wgpu};
use burn::tensor::Device;
use fmnist::Result;
use fmnist::dataset::{ImageShape, Spec, Split};
use fmnist::model::ModelKind;
use fmnist::train::history::History;
use fmnist::train::recipe::Recipe;
use fmnist::train::{Callback, DeviceSplit, Learner, Settings, Step, train};

/// What a callback is told.
#[derive(Default)]
struct Seen {
    steps: usize,
    epochs: usize,
}

impl Callback for Seen {
    fn after_step(&mut self, _: &mut Learner, _: &Step) -> Result<()> {
        self.steps += 1;
        Ok(())
    }

    fn after_epoch(&mut self, _: &mut Learner, history: &History) -> Result<()> {
        self.epochs += 1;
        assert_eq!(history.records.len(), self.epochs);
        Ok(())
    }
}

/// Trains both models for two epochs; the training loss must fall below `loss_factor` times the
/// first epoch's, and the test accuracy must exceed `accuracy`.
fn both_models_learn(
    device: &Device,
    [samples, tests]: [usize; 2],
    loss_factor: f64,
    accuracy: f64,
) {
    let data = fashion_mnist();
    let settings = Settings {
        epochs: 2,
        ..plain(&ModelKind::ALL, 32, 1)
    };
    let [training, test] = [first(&data.train, samples), first(&data.test, tests)]
        .map(|split| DeviceSplit::upload(split, device));
    let models = settings.models.iter();
    let mut learners: Vec<Learner> = models
        .map(|model| Learner::new(model, &settings, &training, device))
        .collect();
    let mut seen = Seen::default();
    let history = train(2, &mut learners, History::default(), &test, &mut seen)
        .expect("training does not fail");
    assert_eq!(seen.epochs, 4, "two models, two epochs");
    assert_eq!(seen.steps, 4 * samples.div_ceil(32));
    for learner in &mut learners {
        let kind = learner.kind();
        let losses: Vec<f64> = history.of(kind.name()).map(|e| e.train_loss).collect();
        assert!(
            losses[1] < loss_factor * losses[0],
            "{kind}: losses {losses:?}"
        );
        let test = learner.evaluate(&test).expect("the device works");
        println!("{kind}: losses {losses:?}, {test:?}");
        assert!(test.accuracy > accuracy, "{kind}: {test:?}");
        let last = history.of(kind.name()).last().expect("there are two");
        assert_eq!(last.validation_accuracy, test.accuracy);
        assert_eq!(last.validation_loss, test.loss);
    }
}

#[test]
fn on_cpu() {
    both_models_learn(&cpu(), [8_000, 1_000], 0.7, 0.80);
}

#[test]
fn on_wgpu() {
    both_models_learn(&wgpu(), [800, 200], 0.7, 0.55);
}

/// Noise of odd sides in which one colour of three is a little brighter.
fn tinted(len: usize, seed: u64) -> Split {
    let shape = ImageShape {
        channels: 3,
        height: 21,
        width: 14,
    };
    let noise = random(len * shape.values(), seed);
    let planes = noise.chunks(shape.pixels()).enumerate();
    let images = planes.flat_map(|(plane, noise)| {
        let (image, channel) = (plane / 3, plane % 3);
        let brighter = if image % 3 == channel { 30.0 } else { 0.0 };
        noise
            .iter()
            .map(move |x| (100.0 + 60.0 * x + brighter) as u8)
    });
    let labels = (0..len).map(|image| (image % 3) as u16).collect();
    Split::new(Spec::new(shape, 3), images.collect(), labels).expect("they fit together")
}

#[test]
fn coloured_images_by_the_standard_recipe() {
    let (training, test) = (tinted(600, 1), tinted(300, 2));
    let mut settings = Settings {
        epochs: 3,
        batch_size: 32,
        ..Settings::new(Recipe::Standard, &ModelKind::ALL, training.spec)
    };
    settings.models[1].architecture.widths = vec![8.into(), 16.into()];
    for device in [cpu(), wgpu()] {
        let [training, test] =
            [&training, &test].map(|split| DeviceSplit::upload(split.clone(), &device));
        for model in &settings.models {
            let mut learner = Learner::new(model, &settings, &training, &device);
            for _ in 0..settings.epochs {
                learner
                    .train_epoch(&mut ())
                    .expect("training does not fail");
            }
            let (metrics, probabilities) = learner.predict(&test).expect("the device works");
            println!("{}: {metrics:?}", learner.kind());
            assert_eq!((probabilities.len(), probabilities.classes()), (300, 3));
            assert!(metrics.accuracy > 0.9, "{}: {metrics:?}", learner.kind());
        }
    }
}

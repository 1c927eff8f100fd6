//! A whole training: data, model, recipe, epochs with a callback, and the test at the end.
//!
//! `cargo run --release --example train_loop`

use fmnist::Result;
use fmnist::dataset::{self, DatasetChoice, FASHION_MNIST_SPEC, Preparation};
use fmnist::device::{self, BackendChoice};
use fmnist::model::ModelKind;
use fmnist::train::history::History;
use fmnist::train::recipe::Recipe;
use fmnist::train::{self, Callback, DeviceSplit, Learner, Settings, Step};

/// Says what goes on.
struct Printer;

impl Callback for Printer {
    fn after_step(&mut self, learner: &mut Learner, step: &Step) -> Result<()> {
        if let Some(running) = step.running {
            let (model, steps) = (learner.kind(), learner.position().steps);
            println!("  {model} step {steps}: loss {:.3}", running.loss);
        }
        Ok(())
    }

    fn after_epoch(&mut self, learner: &mut Learner, history: &History) -> Result<()> {
        if let Some(epoch) = history.records.last() {
            let accuracy = 100.0 * epoch.validation_accuracy;
            println!("{} epoch {}: {accuracy:.1} %", learner.kind(), epoch.epoch);
        }
        Ok(())
    }
}

fn main() -> Result<()> {
    // Garments drawn by the program; `DatasetChoice::Auto` finds Fashion-MNIST.
    let (choice, as_it_is) = (DatasetChoice::Synthetic, Preparation::default());
    let mut data = dataset::load(choice, None, &as_it_is, &mut |_| ())?;
    let settings = Settings {
        epochs: 2,
        samples: Some(4_000),
        ..Settings::new(Recipe::Standard, &ModelKind::ALL, FASHION_MNIST_SPEC)
    };
    settings.check()?;

    let selected = device::select(BackendChoice::Auto, None)?;
    println!("on {}", selected.name);
    let device = &selected.device;
    let (training, validation) = train::split(&settings, &mut data)?;
    let [training, validation, test] =
        [training, validation, data.test].map(|split| DeviceSplit::upload(split, device));

    let models = settings.models.iter();
    let new_learner = |model| Learner::new(model, &settings, &training, device);
    let mut learners: Vec<Learner> = models.map(new_learner).collect();
    let (epochs, before) = (settings.epochs, History::default());
    train::train(epochs, &mut learners, before, &validation, &mut Printer)?;

    for learner in &mut learners {
        let (model, accuracy) = (learner.kind(), learner.evaluate(&test)?.accuracy);
        println!("{model}: test accuracy {:.1} %", 100.0 * accuracy);
        assert!(accuracy > 0.5, "hardly more than chance");
    }
    Ok(())
}

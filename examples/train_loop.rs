//! A whole training: data, model, recipe, epochs with a callback, and the test at the end.
//!
//! `cargo run --release --example train_loop`

use anyhow::{Result, ensure};
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
            let number = learner.position().steps;
            println!(
                "  {} step {number}: loss {:.3}",
                learner.kind(),
                running.loss
            );
        }
        Ok(())
    }

    fn after_epoch(&mut self, _: &mut Learner, history: &History) -> Result<()> {
        let Some(epoch) = history.records.last() else {
            return Ok(());
        };
        println!(
            "{} epoch {}: loss {:.3}, validation accuracy {:.1} %",
            epoch.model,
            epoch.epoch,
            epoch.train_loss,
            100.0 * epoch.validation_accuracy
        );
        Ok(())
    }
}

fn main() -> Result<()> {
    // Garments drawn by the program; `DatasetChoice::Auto` finds Fashion-MNIST.
    let mut data = dataset::load(
        DatasetChoice::Synthetic,
        None,
        &Preparation::default(),
        &mut |_| (),
    )?;
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
    let mut learners: Vec<Learner> = models
        .map(|model| Learner::new(model, &settings, &training, device))
        .collect();
    let before = History::default();
    train::train(
        settings.epochs,
        &mut learners,
        before,
        &validation,
        &mut Printer,
    )?;

    for learner in &mut learners {
        let accuracy = learner.evaluate(&test)?.accuracy;
        println!(
            "{}: test accuracy {:.1} %",
            learner.kind(),
            100.0 * accuracy
        );
        ensure!(accuracy > 0.5, "that is hardly more than chance");
    }
    Ok(())
}

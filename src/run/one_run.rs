//! One run in its folder.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::folder::unusable;
use super::progress::Progress;
use super::progress_callback::ProgressCallback;
use super::report;
use super::{CheckpointKind, Config, RunFolder};
use crate::dataset::Split;
use crate::device::{self, Selected};
use crate::model::ModelKind;
use crate::report::curves::{Metric, draw_curves};
use crate::report::summary::{ModelSummary, Summary, TestClass};
use crate::report::test_set::TestSet;
use crate::run::checkpoint::{Checkpoint, RunIdentity};
use crate::run::save_callback::SaveCallback;
use crate::run::write_evaluation;
use crate::train::history::History;
use crate::train::{self, DeviceSplit, Learner, Settings};
use crate::util::text::{count, quoted, shown};

/// What the runs of a command share: device, images, how many run at once, and how often and where it is told
/// what happens.
pub struct Shared<'a> {
    /// The device to run on.
    pub selected: Selected,
    /// Images to train on.
    pub training: DeviceSplit,
    /// Digest of the images to train on.
    pub digest: String,
    /// Images to validate with after each epoch.
    pub validation: DeviceSplit,
    /// Images to test with at the end.
    pub test: DeviceSplit,
    /// The same, for the evaluation and its pictures.
    pub test_split: Split,
    /// The folder that the user named for the dataset.
    pub data_dir: Option<PathBuf>,
    /// Time between checkpoints within an epoch.
    pub checkpoint_interval: Duration,
    /// How many of them train side by side at most.
    pub runs_at_once: usize,
    /// How progress is shown.
    pub progress: Progress,
    /// Tells the user a line, or nobody.
    pub say: &'a (dyn Fn(&str) + Sync),
}

/// What a run has to do with those beside it.
pub struct Siblings<'a> {
    /// The folder of all of them, which whoever goes on resumes.
    pub whole: &'a RunFolder,
    /// Shows how far this one is.
    pub progress: ProgressCallback,
    /// Whether one of them has ended early, and all are to.
    pub ended: &'a AtomicBool,
}

/// One run with its seed, from where its folder leaves off to the report.
///
/// # Errors
///
/// If the device or the folder fails, a model diverges, or the user or a sibling's end interrupts.
pub fn one_run(
    config: &Config,
    shared: &Shared<'_>,
    folder: &RunFolder,
    mut siblings: Siblings<'_>,
) -> Result<(History, Summary)> {
    let settings = &config.settings;
    let (mut learners, history, fresh) = learners(settings, shared, folder)?;
    // Not before the checkpoints have turned out to be those of this run.
    folder.write_config(config)?;
    let mut callback = SaveCallback {
        folder,
        resume: siblings.whole.path(),
        data_dir: shared.data_dir.as_deref(),
        settings,
        images: &shared.digest,
        interval: shared.checkpoint_interval,
        ended: siblings.ended,
        saved: Instant::now(),
        history,
    };
    for &learner in &fresh {
        callback.save(&mut learners[learner])?;
    }
    callback.history.write_csv(&folder.file("history.csv"))?;
    callback.prepare_for_failure();
    shared.progress.event("run", config);
    if let Some(summary) = finished(settings, &learners, folder) {
        // Software Vulkan crashes if the process ends while it still takes the images in.
        device::wait(&shared.selected.device)?;
        let done = format!(
            "nothing is left to do: all {} are behind it — train for longer with --epochs",
            count(settings.epochs, "epoch")
        );
        siblings.progress.say(shared.say, &done);
        shared.progress.event("summary", &summary);
        return Ok((callback.history, summary));
    }
    if let Some(begun) = begun(&learners, settings.epochs) {
        siblings.progress.say(shared.say, &begun);
    }
    siblings.progress.resume(&learners);
    let before = callback.history.clone();
    let trained = train::train(
        settings.epochs,
        &mut learners,
        before,
        &shared.validation,
        &mut (siblings.progress, &mut callback),
    );
    let finished = trained.map_err(Into::into).and_then(|history| {
        let summary = finish(config, shared, &mut learners, &history, &callback)?;
        Ok((history, summary))
    });
    finished.map_err(|error| callback.explain(error))
}

/// Where a training goes on that has begun before, in words.
fn begun(learners: &[Learner], epochs: usize) -> Option<String> {
    let places = learners.iter().filter_map(|learner| {
        let (name, done) = (learner.kind().name(), learner.position());
        match (done.epochs, done.steps) {
            (0, 0) => None,
            (done, _) if done >= epochs => Some(format!("{name} has all its epochs")),
            (done, 0) => Some(format!("{name} from epoch {}", done + 1)),
            (done, steps) => Some(format!(
                "{name} from epoch {}, step {}",
                done + 1,
                steps + 1
            )),
        }
    });
    let places: Vec<String> = places.collect();
    (!places.is_empty()).then(|| format!("going on: {}", places.join("; ")))
}

/// The summary of a run of which nothing is left to do: its models are trained, their weights are
/// there, and it can be reported.
fn finished(settings: &Settings, learners: &[Learner], folder: &RunFolder) -> Option<Summary> {
    let is_done = |learner: &Learner| {
        let kept = folder.read_checkpoint(CheckpointKind::Model, learner.kind());
        let weights = kept.ok().flatten();
        learner.position().epochs == settings.epochs
            && weights.is_some_and(|kept| kept.run.check(learner.kind(), settings).is_ok())
    };
    // The report is written last.
    let told = || folder.file("report.html").is_file() && report::can_report(folder);
    let done = learners.iter().all(is_done) && told();
    let summary = done.then(|| Summary::read(&folder.file("summary.json")).ok())?;
    summary.filter(|summary| summary.epochs == settings.epochs)
}

/// Tests the trained models, and writes all that is told of a run that has ended.
fn finish(
    config: &Config,
    shared: &Shared<'_>,
    learners: &mut [Learner],
    history: &History,
    callback: &SaveCallback,
) -> Result<Summary> {
    let settings = &config.settings;
    let mut summary = Summary {
        dataset: config.dataset.clone(),
        backend: shared.selected.backend.to_string(),
        device: shared.selected.name.clone(),
        recipe: settings.recipe.name().to_string(),
        seed: settings.seed,
        epochs: settings.epochs,
        largest_class: None,
        test_classes: Vec::new(),
        models: Default::default(),
    };
    let mut probabilities = Vec::new();
    for learner in learners {
        callback.save_model(CheckpointKind::Model, learner)?;
        // The only time that training or its report looks at the test images.
        let (metrics, rows) = learner.predict(&shared.test)?;
        let result = model_summary(learner, history, metrics);
        summary
            .models
            .insert(learner.kind().name().to_string(), result);
        probabilities.push(rows);
    }
    let test = TestSet {
        split: shared.test_split.clone(),
        probabilities,
    };
    let folder = callback.folder;
    let names: Vec<&str> = settings.kinds().map(|kind| kind.name()).collect();
    let (path, classes) = (folder.path(), &config.class_names);
    let evaluation = write_evaluation(path, &config.dataset, classes, &names, &test)?;
    summary.largest_class = evaluation.largest_class();
    if summary.largest_class.is_some() {
        let scores = evaluation.models.first().map(|of| &of.classes[..]);
        let classes = classes.iter().zip(scores.unwrap_or_default());
        let classes = classes.map(|(name, class)| TestClass {
            name: name.clone(),
            images: class.support,
        });
        summary.test_classes = classes.collect();
        for model in &evaluation.models {
            if let Some(result) = summary.models.get_mut(&model.model) {
                result.balanced_accuracy = Some(model.confusion.balanced_accuracy());
                result.class_recalls = model.confusion.recalls();
            }
        }
    }
    if !folder.file("config.json").exists() {
        // Removed while the models trained: without it nobody could use them.
        folder.write_config(config)?;
    }
    summary.write(&folder.file("summary.json"))?;
    draw(folder, &summary, std::slice::from_ref(history))?;
    report::write_run_report(folder, &folder.file("report.html"))?;
    let page = folder.file("web.html");
    if page.exists() {
        let stale = format!(
            "{} is of the weights before these: `fmnist web {}` makes it anew",
            shown(&page),
            quoted(path)
        );
        shared.progress.say(shared.say, &stale);
    }
    shared.progress.event("summary", &summary);
    Ok(summary)
}

/// The learners as their checkpoints left them, the epochs behind them, and which learners have no
/// checkpoint yet.
fn learners(
    settings: &Settings,
    shared: &Shared<'_>,
    folder: &RunFolder,
) -> Result<(Vec<Learner>, History, Vec<usize>)> {
    let mut learners = Vec::new();
    let mut histories = Vec::new();
    let mut fresh = Vec::new();
    for (place, model) in settings.models.iter().enumerate() {
        let device = &shared.selected.device;
        let mut learner = Learner::new(model, settings, &shared.training, device);
        match folder.read_checkpoint(CheckpointKind::Last, learner.kind())? {
            None => {
                refuse_lost(folder, learner.kind())?;
                fresh.push(place);
            }
            Some(Checkpoint {
                run,
                history,
                state,
            }) => {
                let path = folder.checkpoint_file(CheckpointKind::Last, learner.kind());
                check_identity(&run, learner.kind(), settings, &shared.digest)
                    .and_then(|()| Ok(learner.restore(state)?))
                    .with_context(|| unusable(&path))?;
                histories.push(history);
            }
        }
        learners.push(learner);
    }
    Ok((learners, History::merged(histories), fresh))
}

/// Refuses to train a model anew over what is left of its training, which begins with a checkpoint.
fn refuse_lost(folder: &RunFolder, kind: ModelKind) -> Result<()> {
    let [last, best, model] = [
        CheckpointKind::Last,
        CheckpointKind::Best,
        CheckpointKind::Model,
    ]
    .map(|kept| folder.checkpoint_file(kept, kind));
    for left in [model, best] {
        ensure!(
            left.symlink_metadata().is_err(),
            "{} is missing, but {} is there — put the former back, or move the latter away to train \
             the {kind} model anew",
            shown(&last),
            shown(&left)
        );
    }
    Ok(())
}

/// Refuses the checkpoint of another run.
fn check_identity(
    checkpoint: &RunIdentity,
    model: ModelKind,
    settings: &Settings,
    digest: &str,
) -> Result<()> {
    checkpoint.check(model, settings)?;
    ensure!(
        checkpoint.images == digest,
        "its training images were others than these — pass the run's dataset with --data-dir"
    );
    Ok(())
}

fn model_summary(learner: &Learner, history: &History, test: train::Metrics) -> ModelSummary {
    let epochs: Vec<_> = history.of(learner.kind().name()).collect();
    let (train_accuracy, validation_accuracy) = match epochs.last() {
        Some(last) => (last.train_accuracy, last.validation_accuracy),
        None => (f64::NAN, f64::NAN),
    };
    ModelSummary {
        parameters: learner.parameters(),
        train_accuracy,
        validation_accuracy,
        test_accuracy: test.accuracy,
        balanced_accuracy: None,
        class_recalls: Vec::new(),
        test_loss: test.loss,
        seconds_per_epoch: epochs.iter().map(|epoch| epoch.seconds).sum::<f64>()
            / epochs.len() as f64,
        total_seconds: learner.position().busy_seconds,
    }
}

/// Draws the curves of a run, or the bands of several.
///
/// # Errors
///
/// If a picture cannot be written.
pub fn draw(folder: &RunFolder, summary: &Summary, histories: &[History]) -> Result<()> {
    let subject = format!(
        "{}, {}: {}",
        summary.dataset, summary.backend, summary.device
    );
    let accuracy = folder.file("accuracy.png");
    draw_curves(&accuracy, Metric::Accuracy, &subject, histories)?;
    draw_curves(&folder.file("loss.png"), Metric::Loss, &subject, histories)
}

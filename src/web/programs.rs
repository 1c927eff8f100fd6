//! The programs of a page, small: each shader once, all of them compressed.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use serde::Serialize;

use super::packed;
use crate::program::{PAGE_CLASS, Pipeline, Program, evaluate, measure, predict};
use crate::train::{ModelSettings, Settings};

/// Images of a batch that a page evaluates with.
pub const EVALUATION_BATCH: usize = 125;

/// What a page launches.
#[derive(Serialize)]
pub struct Programs {
    /// All shaders. A program has none of its own: its launches name these by their numbers.
    shaders: Vec<Pipeline>,
    /// Programs by the model's name, then by what they do.
    models: BTreeMap<&'static str, BTreeMap<&'static str, Program>>,
}

impl Programs {
    /// The programs of all models of these settings.
    ///
    /// # Panics
    ///
    /// If a model is too large for the batch size.
    pub fn new(settings: &Settings) -> Self {
        let models = settings.models.iter().map(|model| {
            let programs = programs(model, settings.batch_size);
            let programs = programs.into_iter();
            let programs = programs.map(|(name, program)| (name, program.compact()));
            (model.architecture.model.name(), programs.collect())
        });
        let mut models: BTreeMap<_, _> = models.collect();
        let all = || models.values().flat_map(BTreeMap::values);
        // By their names: those that are alike lie side by side, which makes them smaller.
        let shaders: BTreeSet<Pipeline> = all()
            .flat_map(|program| program.pipelines.clone())
            .collect();
        let shaders: Vec<Pipeline> = shaders.into_iter().collect();
        for program in models.values_mut().flat_map(BTreeMap::values_mut) {
            let pipelines = std::mem::take(&mut program.pipelines);
            for launch in &mut program.launches {
                let own = &pipelines[launch.pipeline];
                launch.pipeline = shaders.partition_point(|shader| shader < own);
            }
        }
        Self {
            shaders: shaders.into_iter().map(without_comments).collect(),
            models,
        }
    }

    /// As the page has them: JSON, [packed].
    ///
    /// # Errors
    ///
    /// If they cannot be told in JSON.
    pub fn to_text(&self) -> Result<String> {
        packed(&serde_json::to_vec(self)?)
    }
}

/// What a model does in a page, on batches of so many images when it trains.
fn programs(model: &ModelSettings, batch_size: usize) -> BTreeMap<&'static str, Program> {
    // The page makes the buffers of its images: their sizes here mean nothing.
    let images = batch_size;
    let architecture = &model.architecture;
    let mut programs = BTreeMap::from([
        ("predict", predict(architecture, 1)),
        ("train", model.program(images, batch_size, PAGE_CLASS)),
        ("evaluate", evaluate(architecture, images, EVALUATION_BATCH)),
    ]);
    if architecture.channel_norm {
        let measure = measure(architecture, images, EVALUATION_BATCH);
        programs.insert("measure", measure);
    }
    programs
}

/// The same shader without what is there for people only, comments and indentation: they read it in `shaders/`.
fn without_comments(shader: Pipeline) -> Pipeline {
    let lines = shader.code.lines().map(str::trim_start);
    let lines = lines.filter(|line| !line.starts_with("//") && !line.is_empty());
    Pipeline {
        code: lines.collect::<Vec<_>>().join("\n"),
        ..shader
    }
}

//! Evaluation and report as a run's folder holds them.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Result, ensure};
use serde_json::Value;

use super::split_file;
use crate::report::confusion::draw_confusion;
use crate::report::disagreement::draw_disagreement;
use crate::report::evaluation::Evaluation;
use crate::report::html::{Filters, RunData};
use crate::report::reliability::draw_reliability;
use crate::report::summary::Summary;
use crate::report::test_set::TestSet;
use crate::run::Config;
use crate::train::history::History;

/// Evaluates `models` on a test set of `dataset`, and writes the test set, `evaluation.json` and the
/// pictures `confusion-*.png`, `reliability.png` and, of two models, `disagreement.png` into a
/// run's folder.
///
/// # Errors
///
/// If a file cannot be written, or the test set is not of so many models.
pub fn write_evaluation(
    folder: &Path,
    dataset: &str,
    class_names: &[String],
    models: &[&str],
    test: &TestSet,
) -> Result<Evaluation> {
    let predictions: Vec<_> = models.iter().copied().zip(&test.probabilities).collect();
    let evaluation = Evaluation::new(dataset, class_names, &test.split.labels, &predictions)?;
    test.write(folder, models)?;
    evaluation.write(&folder.join("evaluation.json"))?;
    for model in &evaluation.models {
        let path = folder.join(format!("confusion-{}.png", model.model));
        draw_confusion(&path, &evaluation, model)?;
    }
    draw_reliability(&folder.join("reliability.png"), &evaluation)?;
    if let Some(comparison) = &evaluation.comparison {
        let path = folder.join("disagreement.png");
        draw_disagreement(&path, &evaluation, comparison, test)?;
    }
    Ok(evaluation)
}

/// What a report shows of a run.
pub struct RunFiles {
    name: String,
    config: Value,
    summary: Summary,
    history: History,
    evaluation: Evaluation,
    test: TestSet,
    filters: Option<Filters>,
    pictures: Vec<String>,
}

impl RunFiles {
    /// Reads the folder of a run, which `config` describes. The report calls it `name`; `filters` are
    /// those of the CNN's first layer, if it has one.
    ///
    /// # Errors
    ///
    /// If a file cannot be read, is damaged, or is of another run.
    pub fn read(
        folder: &Path,
        name: &str,
        config: &Config,
        filters: Option<Filters>,
    ) -> Result<Self> {
        let models: Vec<&str> = config.settings.kinds().map(|kind| kind.name()).collect();
        let epochs = config.settings.epochs;
        let summary = Summary::read(&folder.join("summary.json"))?;
        let history = History::read_csv(&folder.join("history.csv"))?;
        let evaluation = Evaluation::read(&folder.join("evaluation.json"))?;
        let summarised = summary.models.keys().map(String::as_str);
        for (file, belongs) in [
            (
                "evaluation.json",
                evaluation
                    .models
                    .iter()
                    .map(|m| &*m.model)
                    .eq(models.iter().copied()),
            ),
            (
                "summary.json",
                summary.epochs == epochs
                    && summarised.collect::<BTreeSet<_>>() == models.iter().copied().collect(),
            ),
            (
                "history.csv",
                history.records.len() == epochs * models.len()
                    && history.records.iter().all(|r| models.contains(&&*r.model)),
            ),
        ] {
            let file = folder.join(file);
            ensure!(belongs, "{} is not that of this run", file.display());
        }
        let test = TestSet::read(folder, &models, config.spec())?;
        ensure!(
            config.is_tested_with(&test.split),
            "{} holds other images than those of {}, which the run was trained on — put those of the \
             run back",
            folder.join("test-images.gz").display(),
            config.dataset_label()
        );
        let labels = test.split.labels.iter();
        let classes = labels.map(|label| &*config.class_names[usize::from(*label)]);
        let pictures = split_file::test_pictures(folder, classes)?;
        Ok(Self {
            name: name.to_owned(),
            config: serde_json::to_value(config)?,
            summary,
            history,
            test,
            evaluation,
            filters,
            pictures,
        })
    }

    /// The same as the report wants it.
    pub fn data(&self) -> RunData<'_> {
        RunData {
            name: &self.name,
            config: &self.config,
            summary: &self.summary,
            history: &self.history,
            evaluation: &self.evaluation,
            test: Some(&self.test),
            filters: self.filters.as_ref(),
            pictures: &self.pictures,
        }
    }
}

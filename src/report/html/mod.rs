//! The report: one HTML file that shows everything a run found, and compares several runs.
//!
//! The file needs no network and no other file; its content security policy forbids both, and any
//! script but its own. Text from files is escaped by `markup`; images lie in one picture, `sheet`.
//! Without a script the page has all tables and charts; with it the charts tell exact values and
//! the counts open their images.

mod calibration;
mod cases;
mod chart;
mod compare;
mod confusion;
mod curves;
mod datasets;
mod pictures;
mod run;
mod settings;
mod sheet;
mod tables;

use std::path::Path;

use anyhow::{Result, ensure};
use base64::prelude::{BASE64_STANDARD, Engine};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::report::evaluation::{Comparison, Confusion, Evaluation, ModelEvaluation};
use crate::report::pixels::Reduction;
use crate::report::summary::Summary;
use crate::report::test_set::TestSet;
use crate::train::history::History;
use crate::util::markup::{self, fill, json};
use crate::util::text;
use crate::util::whole_file;
use cases::{Cases, Ranking};
use chart::Readout;
use sheet::{COLUMNS, Sheets};

const TEMPLATE: &str = include_str!("template.html");
const STYLE: &str = concat!(
    include_str!("../../util/palette.css"),
    include_str!("style.css")
);
const SCRIPT: &str = include_str!("script.js");

/// Colours of the style sheet, for models or runs.
const COLORS: usize = 8;

/// Images and what is said of them may take as many bytes as so many images have,
const IMAGES: usize = 2_000;
/// which for images like those of Fashion-MNIST keeps the file below 2 MB,
const LEAST_ROOM: usize = 1_600_000;
/// and for any other below 10 MB.
const MAX_ROOM: usize = 8_000_000;
/// Images in a list, halved until all fit.
const LONGEST_LIST: usize = 400;
/// Lists this short stay: then images are made smaller.
const SHORTEST_LIST: usize = 3;
/// The longer side of an image in pixels, likewise: a card shows no more of it.
const LONGEST_SIDE: usize = 64;
/// Images this small stay.
const SHORTEST_SIDE: usize = 16;

/// A run, as its folder tells it.
pub struct RunData<'a> {
    /// Name of its folder; of several runs each should have its own.
    pub name: &'a str,
    /// `config.json`; an object `environment` in it is shown among hardware and versions.
    pub config: &'a Value,
    /// `summary.json`.
    pub summary: &'a Summary,
    /// `history.csv`.
    pub history: &'a History,
    /// `evaluation.json`.
    pub evaluation: &'a Evaluation,
    /// What the evaluation was made from; without it the report has no images.
    pub test: Option<&'a TestSet>,
    /// Of the CNN's first layer, if it has one.
    pub filters: Option<&'a Filters>,
    /// The files that the test images were made of, in their order; none if they are no pictures.
    pub pictures: &'a [String],
}

/// The filters of a convolution.
pub struct Filters {
    /// Channels that they see: 1 or 3.
    pub channels: usize,
    /// Weights `[out, channels, 3, 3]`.
    pub weights: Vec<f32>,
}

impl RunData<'_> {
    /// The colour of a model, the same wherever it occurs.
    fn color(&self, model: &str) -> usize {
        let models = &self.evaluation.models;
        models
            .iter()
            .position(|m| m.model == model)
            .unwrap_or(models.len())
            % COLORS
    }

    /// Checks that evaluation and test set belong together, so that every count has its images.
    ///
    /// # Errors
    ///
    /// If they do not.
    pub fn check(&self) -> Result<()> {
        let Some(test) = self.test else {
            return Ok(());
        };
        let Evaluation {
            dataset,
            class_names,
            models,
            comparison,
            ..
        } = self.evaluation;
        let names = models.iter().map(|model| model.model.as_str());
        let rows = test.probabilities.iter();
        let predictions: Vec<_> = names.zip(rows).collect();
        let again = Evaluation::new(dataset, class_names, &test.split.labels, &predictions)?;
        let confusions = |of: &[ModelEvaluation]| -> Vec<Confusion> {
            of.iter().map(|model| model.confusion.clone()).collect()
        };
        let only_right = |of: &Option<Comparison>| of.as_ref().map(|c| c.only_right.clone());
        ensure!(
            models.len() == test.probabilities.len()
                && confusions(models) == confusions(&again.models)
                && only_right(comparison) == only_right(&again.comparison),
            "the evaluation of the run {} is of other images — write its results anew with `fmnist train --resume`",
            text::one_line(self.name, 200)
        );
        Ok(())
    }
}

/// A part of the page with its own entry in the contents.
struct Section {
    id: String,
    title: String,
    body: String,
}

/// What the page's script reads.
#[derive(Serialize)]
struct Data {
    /// Of the sheet.
    columns: usize,
    charts: Vec<Readout>,
    runs: Vec<Option<Cases>>,
}

/// Writes the [`report`] to a file.
///
/// # Errors
///
/// As of [`report`], or if the file cannot be written.
pub fn write_report(path: &Path, runs: &[RunData]) -> Result<()> {
    whole_file::write(path, report(runs)?.as_bytes())
}

/// The report as HTML: of one run, or of several with a comparison before them.
///
/// # Errors
///
/// If there is no run, or a run's evaluation does not belong to its test set.
pub fn report(runs: &[RunData]) -> Result<String> {
    ensure!(
        !runs.is_empty(),
        "there is no run to report — name at least one"
    );
    for run in runs {
        run.check()?;
    }
    let (cases, limit, sheets) = images(runs)?;
    let mut data = Data {
        columns: COLUMNS,
        charts: Vec::new(),
        runs: cases,
    };
    let charts = &mut data.charts;
    let (title, subtitle, sections) = match runs {
        [run] => (
            run::title(run),
            format!("Run {}: {}", run.name, run::subtitle(run)),
            run::sections(run, 0, limit, charts)?,
        ),
        runs => {
            let datasets = datasets::names(runs);
            let mut sections = vec![Section {
                id: "comparison".to_owned(),
                title: "Comparison".to_owned(),
                body: compare::comparison(runs, &datasets, charts),
            }];
            for (place, run) in runs.iter().enumerate() {
                let parts = run::sections(run, place, limit, charts)?;
                let subtitle = format!("{}, {}", datasets[place], run::subtitle(run));
                sections.push(Section {
                    id: format!("run-{place}"),
                    title: markup::clean(run.name),
                    body: format!(
                        r#"<p class="subtitle">{}</p>{}{}"#,
                        markup::text(&subtitle),
                        contents(&format!("Run {}: {}", place + 1, run.name), &parts),
                        bodies(&parts, 3)
                    ),
                });
            }
            (
                format!("{} runs compared", runs.len()),
                String::new(),
                sections,
            )
        }
    };
    // A browser hashes the script after it has made all ends of lines alike.
    let script = SCRIPT.replace("\r\n", "\n");
    Ok(fill(
        TEMPLATE,
        &[
            ("title", &markup::text(&title)),
            ("subtitle", &markup::text(&subtitle)),
            ("contents", &contents("Contents", &sections)),
            ("sections", &bodies(&sections, 2)),
            ("style", STYLE),
            ("sheets", &sheets),
            ("data", &json(&data)?),
            ("script", &script),
            (
                "script-hash",
                &BASE64_STANDARD.encode(Sha256::digest(&script)),
            ),
            ("version", env!("CARGO_PKG_VERSION")),
        ],
    ))
}

/// The images that the page shows of each run, as many and as large as fit, and the style of the sheets
/// they lie on.
///
/// Lists hold no more images than the number returned.
fn images(runs: &[RunData]) -> Result<(Vec<Option<Cases>>, usize, String)> {
    let tested = || runs.iter().filter_map(|run| run.test);
    let values = tested().map(|test| Reduction::new(test.split.spec.shape, LONGEST_SIDE));
    let values = values.map(|reduction| reduction.shape().values()).max();
    let room = (values.unwrap_or(0) * IMAGES).clamp(LEAST_ROOM, MAX_ROOM);

    let rankings = |run: &RunData| run.test.map(|test| cases::rankings(run.evaluation, test));
    let rankings: Vec<Option<Vec<Ranking>>> = runs.iter().map(rankings).collect();
    let (mut limit, mut side) = (LONGEST_LIST, LONGEST_SIDE);
    loop {
        let mut sheets = Sheets::new(side);
        let mut cases = Vec::new();
        for (run, rankings) in runs.iter().zip(&rankings) {
            let of_run = run.test.zip(rankings.as_ref());
            cases.push(
                of_run.map(|(test, rankings)| Cases::new(run, test, rankings, limit, &mut sheets)),
            );
        }
        let bytes = sheets.estimated_bytes()? * 4 / 3 + json(&cases)?.len();
        match (bytes <= room, limit > SHORTEST_LIST, side > SHORTEST_SIDE) {
            (false, true, _) => limit /= 2,
            (false, false, true) => side /= 2,
            _ => return Ok((cases, limit, sheets.style()?)),
        }
    }
}

/// Links to the sections, under a name for screen readers.
fn contents(name: &str, sections: &[Section]) -> String {
    let link = |section: &Section| {
        let title = markup::text(&section.title);
        format!(r##"<li><a href="#{}">{title}</a></li>"##, section.id)
    };
    let links: String = sections.iter().map(link).collect();
    let name = markup::text(name);
    format!(r#"<nav aria-label="{name}"><ol>{links}</ol></nav>"#)
}

/// The sections under headings of a level.
fn bodies(sections: &[Section], level: usize) -> String {
    let section = |Section { id, title, body }: &Section| {
        let title = markup::text(title);
        format!(r#"<section id="{id}"><h{level}>{title}</h{level}>{body}</section>"#)
    };
    sections.iter().map(section).collect()
}

//! A run's part of the page: which sections there are, and the outcome in words.

use anyhow::Result;

use super::chart::Readout;
use super::{RunData, Section, calibration, confusion, curves, pictures, settings, tables};
use crate::report::evaluation::{ModelEvaluation, tables::p_value};
use crate::util::markup;
use crate::util::text;

/// A run's dataset and models.
pub fn title(run: &RunData) -> String {
    let models: Vec<&str> = run
        .evaluation
        .models
        .iter()
        .map(|m| m.model.as_str())
        .collect();
    format!("{}: {}", run.evaluation.dataset, models.join(" and "))
}

/// How and where.
pub fn subtitle(run: &RunData) -> String {
    let summary = run.summary;
    format!(
        "{}, recipe {}, seed {}, {} ({})",
        text::count(summary.epochs, "epoch"),
        summary.recipe,
        summary.seed,
        summary.device,
        summary.backend
    )
}

/// The sections of a run, whose lists of images hold no more than `limit`.
///
/// # Errors
///
/// If a picture cannot be encoded.
pub fn sections(
    run: &RunData,
    place: usize,
    limit: usize,
    charts: &mut Vec<Readout>,
) -> Result<Vec<Section>> {
    let mut sections = Vec::new();
    let mut add = |id: &str, title: &str, body: String| {
        sections.push(Section {
            id: format!("run-{place}-{id}"),
            title: title.to_owned(),
            body,
        });
    };
    let (findings, table) = (findings(run), tables::results(run));
    let results = format!(r#"<div class="lead"><p>{findings}</p>{table}</div>"#);
    add("results", "Results", results);
    add("curves", "Learning curves", curves::of_run(run, charts));
    add("classes", "Classes", tables::classes(run));
    let confusion = confusion::matrices(run, place, limit)?;
    add("confusion", "Confusion matrices", confusion);
    if run.test.is_some() {
        add(
            "mistakes",
            "Most confident mistakes",
            pictures::mistakes(run, place),
        );
    }
    if let Some(comparison) = &run.evaluation.comparison {
        let body = pictures::disagreement(run, place, comparison);
        add("disagreement", "Disagreement", body);
    }
    add(
        "calibration",
        "Calibration",
        calibration::diagrams(run, charts),
    );
    if let Some(filters) = run.filters {
        add("filters", "First-layer filters", pictures::filters(filters));
    }
    add("settings", "Settings and hardware", settings::section(run));
    Ok(sections)
}

/// The outcome in a few sentences.
fn findings(run: &RunData) -> String {
    let evaluation = run.evaluation;
    let reached = |model: &ModelEvaluation| {
        let name = markup::text(&model.model);
        format!("<b>{name} {}&nbsp;%</b>", text::percent(model.accuracy))
    };
    let reached: Vec<String> = evaluation.models.iter().map(reached).collect();
    let mut out = format!(
        "Accuracy on the {} of {}: {}.",
        text::count(evaluation.images, "test image"),
        markup::text(&evaluation.dataset),
        reached.join(", ")
    );
    if let Some(class) = evaluation.largest_class() {
        out += &format!(
            " Always saying “{}”, the largest class, is right on {}&nbsp;%.",
            markup::text(&class.name),
            text::percent(class.share)
        );
    }
    if let Some(comparison) = &evaluation.comparison {
        let [first, second] = comparison.only_right.each_ref().map(Vec::len);
        out += &format!(
            " Only {} is right on {}, only {} on {} (McNemar's exact test: {}).",
            markup::text(&comparison.models[0]),
            text::count(first, "image"),
            markup::text(&comparison.models[1]),
            text::thousands(second as u64),
            markup::text(&p_value(comparison.p_value)),
        );
    }
    for model in evaluation.models.iter().filter(|model| model.diverged()) {
        out += &format!(
            " {} diverged: its probabilities are no numbers.",
            markup::text(&model.model)
        );
    }
    let mistake = |model: &ModelEvaluation| {
        let (label, prediction) = *model.confusion.mistakes().first()?;
        Some(format!(
            "{} takes “{}” for “{}”, {}",
            markup::text(&model.model),
            markup::text(&evaluation.class_names[label]),
            markup::text(&evaluation.class_names[prediction]),
            text::count(model.confusion.counts[label][prediction] as usize, "time")
        ))
    };
    let trained = evaluation.models.iter().filter(|model| !model.diverged());
    let mistakes: Vec<String> = trained.filter_map(mistake).collect();
    if !mistakes.is_empty() {
        out += &format!(" The most frequent mistakes: {}.", mistakes.join("; "));
    }
    out
}

//! Several runs side by side.

use super::chart::Readout;
use super::settings::Differences;
use super::tables::value;
use super::{RunData, curves};
use crate::report::summary::{ModelRuns, RunsSummary, Summary};
use crate::report::table::summary;
use crate::util::markup;

/// A table and curves for each model that any run has, and the settings in which the runs differ.
/// Of runs that differ in nothing but their seed the tables end with means and deviations. `datasets`
/// are what the runs' datasets are called.
pub fn comparison(runs: &[RunData], datasets: &[String], charts: &mut Vec<Readout>) -> String {
    let mut models: Vec<&str> = Vec::new();
    for model in runs.iter().flat_map(|run| &run.evaluation.models) {
        if !models.contains(&model.model.as_str()) {
            models.push(&model.model);
        }
    }
    let differences = Differences::of(runs, datasets);
    let summaries: Vec<Summary> = runs.iter().map(|run| run.summary.clone()).collect();
    let together = RunsSummary::of(&summaries).filter(|_| differences.only_seeds());
    let mut out = String::new();
    for model in models {
        let together = together.as_ref().and_then(|runs| runs.models.get(model));
        out += &format!("<h3>{}</h3>", markup::text(model));
        out += &results(runs, datasets, model, together);
        out += &curves::of_runs(runs, model, charts);
    }
    out + &differences.html()
}

/// One model's results: a row for each run that has it, and one for all of them `together`. Runs on
/// other datasets are neither better nor worse.
fn results(
    runs: &[RunData],
    datasets: &[String],
    model: &str,
    together: Option<&ModelRuns>,
) -> String {
    let comparable = datasets.iter().all(|dataset| *dataset == datasets[0]);
    let alone = |run: &RunData| {
        let summary = RunsSummary::of(std::slice::from_ref(run.summary))?;
        summary.models.get(model).cloned()
    };
    let (places, models): (Vec<usize>, Vec<ModelRuns>) = runs
        .iter()
        .enumerate()
        .filter_map(|(place, run)| Some((place, alone(run)?)))
        .unzip();
    let measures = summary(&models.iter().collect::<Vec<_>>());
    let columns = (!comparable).then_some("dataset").into_iter();
    let head: String = columns
        .chain(measures.iter().map(|measure| &*measure.label))
        .map(|label| format!(r#"<th scope="col">{label}</th>"#))
        .collect();
    let mut body = String::new();
    for (i, place) in places.into_iter().enumerate() {
        let cells = measures.iter().map(|measure| &measure.cells[i]);
        body += &format!(
            r##"<tr><th scope="row"><span class="key solid c{}"></span><a href="#run-{place}">{}</a></th>{}</tr>"##,
            place % super::COLORS,
            markup::text(runs[place].name),
            (!comparable)
                .then(|| value(&datasets[place], false))
                .into_iter()
                .chain(cells.map(|cell| value(&cell.text, cell.best && comparable)))
                .collect::<String>()
        );
    }
    let foot = together.map_or(String::new(), |together| {
        let together = summary(&[together]);
        let of = |label: &str| together.iter().find(|measure| measure.label == label);
        let cells: String = measures
            .iter()
            .map(|measure| of(&measure.label).map_or("–", |mean| &mean.cells[0].text))
            .map(|mean| value(mean, false))
            .collect();
        format!(r#"<tfoot><tr><th scope="row">mean ± std</th>{cells}</tr></tfoot>"#)
    });
    format!(
        r#"<div class="scroll"><table><thead><tr><th scope="col">run</th>{head}</tr></thead><tbody>{body}</tbody>{foot}</table></div>"#
    )
}

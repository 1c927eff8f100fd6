//! The tables of a run: results, classes.

use std::slice;

use super::RunData;
use crate::report::evaluation::tables::{mean_of, measures, score_cells};
use crate::report::evaluation::{Evaluation, ModelEvaluation, Scores};
use crate::report::summary::RunsSummary;
use crate::report::table::{MATRIX_CLASSES, Row, models, summary as summary_rows};
use crate::util::markup;
use crate::util::text;

/// The models of a run side by side.
pub fn results(run: &RunData) -> String {
    let summary = RunsSummary::of(slice::from_ref(run.summary));
    let (names, summaries) = summary.as_ref().map(models).unwrap_or_default();
    let mut shown = summary_rows(&summaries);
    let find = |name: &&str| run.evaluation.models.iter().find(|m| m.model == **name);
    if let Some(evaluations) = names.iter().map(find).collect::<Option<Vec<_>>>() {
        // The rest of what the test set tells follows its loss; accuracies are there already.
        let mut more = measures(run.evaluation, &evaluations);
        more.retain(|row| {
            row.label != "accuracy" && shown.iter().all(|there| there.label != row.label)
        });
        let after = shown.iter().position(|row| row.label == "test loss");
        let at = after.map_or(shown.len(), |place| place + 1);
        shown.splice(at..at, more);
    }
    let head: String = names.iter().map(|name| header(name)).collect();
    let body: String = shown.iter().map(result).collect();
    format!(
        r#"<div class="scroll"><table class="results"><thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table></div>"#
    )
}

fn result(row: &Row) -> String {
    let cells: String = row
        .cells
        .iter()
        .map(|cell| value(&cell.text, cell.best))
        .collect();
    format!(r#"<tr><th scope="row">{}</th>{cells}</tr>"#, row.label)
}

/// A cell; the best of its kind is set apart.
pub fn value(text: &str, best: bool) -> String {
    let text = markup::text(text.trim());
    match best {
        true => format!(r#"<td class="best">{text}<span class="unseen"> (best)</span></td>"#),
        false => format!("<td>{text}</td>"),
    }
}

fn header(name: &str) -> String {
    format!(r#"<th scope="col">{}</th>"#, markup::text(name))
}

/// F1 of each class as bars, and all scores as a table.
pub fn classes(run: &RunData) -> String {
    let evaluation = run.evaluation;
    let classes = weakest(evaluation);
    let which = match classes.len() < evaluation.class_names.len() {
        true => format!("the {} classes that have the lowest", classes.len()),
        false => "each class".to_owned(),
    };
    let mut bars = String::new();
    for class in classes {
        let name = &evaluation.class_names[class];
        bars += &format!(r#"<tr><th scope="row">{}</th><td>"#, markup::text(name));
        for model in &evaluation.models {
            let scores = model.scores(class);
            let width = text::percent(scores.map_or(0.0, |scores| scores.f1));
            let [_, _, f1] = score_cells(scores);
            bars += &format!(
                r#"<div class="bar c{}" style="--w:{width}%"><span class="unseen">{} </span><b>{f1}</b></div>"#,
                run.color(&model.model),
                markup::text(&model.model)
            );
        }
        bars += "</td></tr>";
    }
    let key = |model: &ModelEvaluation| {
        let (color, name) = (run.color(&model.model), markup::text(&model.model));
        format!(r#"<li><span class="key box c{color}"></span>{name}</li>"#)
    };
    let legend: String = evaluation.models.iter().map(key).collect();
    format!(
        r#"<figure><ul class="legend">{legend}</ul><table class="bars"><thead class="unseen"><tr><th scope="col">class</th><th scope="col">F1 in percent</th></tr></thead><tbody>{bars}</tbody></table><figcaption>F1 of {which} in percent: the harmonic mean of precision and recall.</figcaption></figure>{}"#,
        scores(run)
    )
}

/// All classes, if they are few; of many those with the lowest mean F1, the lowest first.
fn weakest(evaluation: &Evaluation) -> Vec<usize> {
    let all = 0..evaluation.class_names.len();
    if all.len() <= MATRIX_CLASSES {
        return all.collect();
    }
    let f1 = |class| {
        let scores = evaluation.models.iter().map(|model| model.scores(class));
        scores.map(|scores| Some(scores?.f1)).sum::<Option<f64>>()
    };
    let mut classes: Vec<(usize, f64)> =
        all.filter_map(|class| Some((class, f1(class)?))).collect();
    classes.sort_by(|a, b| a.1.total_cmp(&b.1));
    classes.truncate(MATRIX_CLASSES);
    classes.into_iter().map(|(class, _)| class).collect()
}

/// Precision, recall, F1 and number of images of each class.
fn scores(run: &RunData) -> String {
    let evaluation = run.evaluation;
    let mut head = String::new();
    for model in &evaluation.models {
        head += &format!(
            r#"<th scope="colgroup" colspan="3">{}</th>"#,
            markup::text(&model.model)
        );
    }
    let columns =
        r#"<th scope="col">precision</th><th scope="col">recall</th><th scope="col">F1</th>"#
            .repeat(evaluation.models.len());
    let row = |name: &str, images: usize, of: &dyn Fn(&ModelEvaluation) -> Option<Scores>| {
        let cells: String = evaluation
            .models
            .iter()
            .flat_map(|model| score_cells(of(model)))
            .map(|score| format!("<td>{score}</td>"))
            .collect();
        format!(
            r#"<tr><th scope="row">{}</th><td>{}</td>{cells}</tr>"#,
            markup::text(name),
            text::thousands(images as u64)
        )
    };
    let mut body = String::new();
    for (class, name) in evaluation.class_names.iter().enumerate() {
        let images = evaluation
            .models
            .first()
            .map_or(0, |m| m.classes[class].support);
        body += &row(name, images, &|model| model.scores(class));
    }
    let mean = row("mean", evaluation.images, &|model| {
        Some(model.macro_average)
    });
    let note = mean_of(evaluation).map_or(String::new(), |note| {
        format!(" The last row is the {}.", markup::text(&note))
    });
    format!(
        r#"<figure><div class="scroll tall"><table><thead><tr><td></td><td></td>{head}</tr><tr><th scope="col">class</th><th scope="col">images</th>{columns}</tr></thead><tbody>{body}</tbody><tfoot>{mean}</tfoot></table></div><figcaption>In percent. Precision: of the images taken for the class, those that belong to it; recall: of its images, those recognised.{note}</figcaption></figure>"#
    )
}

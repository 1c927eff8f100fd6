//! The tables of a run: results, classes, confusion matrices.

use std::slice;

use super::cases::{RIGHT, cell_list};
use super::{RunData, markup};
use crate::report::evaluation::tables::{MEASURES, mean_of, score_cells};
use crate::report::evaluation::{ModelEvaluation, Scores};
use crate::report::summary::RunsSummary;
use crate::report::table::{Row, SUMMARY, models, rows};
use crate::util::text;

/// Shades of a confusion matrix above this need text of the other colour: there both colours
/// have the same contrast, of 4.5, in the light and in the dark page.
const DEEP: f64 = 0.697;

/// The models of a run side by side.
pub fn results(run: &RunData) -> String {
    let summary = RunsSummary::of(slice::from_ref(run.summary));
    let (names, summaries) = summary.as_ref().map(models).unwrap_or_default();
    let mut shown = rows(&SUMMARY, &summaries);
    let find = |name: &&str| run.evaluation.models.iter().find(|m| m.model == **name);
    if let Some(evaluations) = names.iter().map(find).collect::<Option<Vec<_>>>() {
        // The rest of what the test set tells follows its loss; the accuracy is there already.
        let after = shown.iter().position(|row| row.label == "test loss");
        let at = after.map_or(shown.len(), |place| place + 1);
        shown.splice(at..at, rows(&MEASURES[1..], &evaluations));
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
    let mut bars = String::new();
    for (class, name) in evaluation.class_names.iter().enumerate() {
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
        r#"<figure><ul class="legend">{legend}</ul><table class="bars"><thead class="unseen"><tr><th scope="col">class</th><th scope="col">F1 in percent</th></tr></thead><tbody>{bars}</tbody></table><figcaption>F1 of each class in percent: the harmonic mean of precision and recall.</figcaption></figure>{}"#,
        scores(run)
    )
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
        r#"<figure><div class="scroll"><table><thead><tr><td></td><td></td>{head}</tr><tr><th scope="col">class</th><th scope="col">images</th>{columns}</tr></thead><tbody>{body}</tbody><tfoot>{mean}</tfoot></table></div><figcaption>In percent. Precision: of the images taken for the class, those that belong to it; recall: of its images, those recognised.{note}</figcaption></figure>"#
    )
}

/// The confusion matrices. With pictures at hand each count opens those of its cell.
///
/// Lists of images hold no more than `limit`.
pub fn confusion(run: &RunData, place: usize, limit: usize) -> String {
    let matrices: String = (0..run.evaluation.models.len())
        .map(|model| matrix(run, place, model))
        .collect();
    let cut = run.evaluation.models.iter().any(|model| {
        let largest = model.confusion.most_frequent_mistake();
        largest.is_some_and(|(label, prediction)| {
            model.confusion.counts[label][prediction] as usize > limit
        })
    });
    let mistakes = match cut {
        true => format!("of the mistakes the {limit} it is surest of"),
        false => "all mistakes".to_owned(),
    };
    let pictures = match run.test {
        Some(_) => format!(
            " Choose a count to see its images: of those recognised the {} that the model is least \
             sure of, {mistakes}.",
            limit.min(RIGHT)
        ),
        None => String::new(),
    };
    format!(
        r#"<p>Each row is a class, each column what the model took its images for. The shade is the square root of the share of the row.{pictures}</p><div class="figures">{matrices}</div>"#
    )
}

fn matrix(run: &RunData, place: usize, model: usize) -> String {
    let names: Vec<String> = run
        .evaluation
        .class_names
        .iter()
        .map(|n| markup::text(n))
        .collect();
    let evaluation = &run.evaluation.models[model];
    let head: String = names
        .iter()
        .map(|name| format!(r#"<th scope="col"><span>{name}</span></th>"#))
        .collect();
    let mut body = String::new();
    for (label, counts) in evaluation.confusion.counts.iter().enumerate() {
        body += &format!(r#"<tr><th scope="row">{}</th>"#, names[label]);
        for (prediction, count) in counts.iter().enumerate() {
            if *count == 0 {
                body += "<td></td>";
                continue;
            }
            let shade = evaluation.confusion.share(label, prediction).sqrt();
            let deep = if shade > DEEP { r#" class="deep""# } else { "" };
            let content = match run.test {
                Some(_) => format!(
                    r#"<button data-run="{place}" data-list="{}" aria-label="{count} {} taken for {}">{count}</button>"#,
                    cell_list(model, label, prediction),
                    names[label],
                    names[prediction]
                ),
                None => count.to_string(),
            };
            body += &format!(r#"<td{deep} style="--s:{shade:.3}">{content}</td>"#);
        }
        body += "</tr>";
    }
    format!(
        r#"<figure><p class="chart-title">{}</p><div class="scroll"><table class="matrix"><thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table></div></figure>"#,
        markup::text(&evaluation.model)
    )
}

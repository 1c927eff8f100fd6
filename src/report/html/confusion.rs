//! Confusion matrices: tables of few classes, pictures of many.

use anyhow::Result;
use base64::prelude::{BASE64_STANDARD, Engine};
use png::Compression;

use super::RunData;
use super::cases::{RIGHT, cell_list};
use crate::dataset::ImageShape;
use crate::report::evaluation::tables::MISTAKES;
use crate::report::evaluation::{Confusion, Evaluation, ModelEvaluation};
use crate::report::pixels::Pixels;
use crate::report::table::MATRIX_CLASSES;
use crate::util::markup;
use crate::util::text;

/// Shades of a confusion matrix above this need text of the other colour: there both colours
/// have the same contrast, of 4.5, in the light and in the dark page.
const DEEP: f64 = 0.697;
/// Side of a confusion matrix that is a picture, about.
const PICTURE: usize = 700;

/// The confusion matrices; of many classes as pictures, with the most frequent mistakes in words. With
/// images at hand each count opens those of its cell.
///
/// Lists of images hold no more than `limit`.
///
/// # Errors
///
/// If a picture cannot be encoded.
pub fn matrices(run: &RunData, place: usize, limit: usize) -> Result<String> {
    let models = &run.evaluation.models;
    let many = run.evaluation.class_names.len() > MATRIX_CLASSES;
    let cut = models.iter().any(|model| {
        let largest = model.confusion.mistakes().first().copied();
        largest.is_some_and(|(label, prediction)| {
            model.confusion.counts[label][prediction] as usize > limit
        })
    });
    let images = match (run.test, many) {
        (Some(_), false) => {
            let mistakes = match cut {
                true => format!("of the mistakes the {limit} it is surest of"),
                false => "all mistakes".to_owned(),
            };
            format!(
                " Choose a count to see its images: of those recognised the {} that the model is least \
                 sure of, {mistakes}.",
                limit.min(RIGHT)
            )
        }
        (Some(_), true) => {
            let which = match cut {
                true => format!(": the {limit} that the model is surest of"),
                false => String::new(),
            };
            format!(
                " Point at a place to read its classes; choose a count to see its images{which}."
            )
        }
        (None, _) => String::new(),
    };
    let order = match many {
        true => ", both in the order of the labels",
        false => "",
    };
    let mut figures = String::new();
    for model in 0..models.len() {
        figures += &match many {
            true => picture(run, place, model)?,
            false => matrix(run, place, model),
        };
    }
    let class = if many { "" } else { r#" class="figures""# };
    Ok(format!(
        r#"<p>Each row is a class, each column what the model took its images for{order}. The shade is the square root of the share of the row.{images}</p><div{class}>{figures}</div>"#
    ))
}

/// A count, which opens the images of its cell if there are any.
fn count_of(
    run: &RunData,
    place: usize,
    model: usize,
    [label, prediction]: [usize; 2],
    class: &str,
) -> String {
    let count = run.evaluation.models[model].confusion.counts[label][prediction];
    if run.test.is_none() {
        return count.to_string();
    }
    let [name, other] =
        [label, prediction].map(|class| markup::text(&run.evaluation.class_names[class]));
    format!(
        r#"<button{class} data-run="{place}" data-list="{}" aria-label="{count} {name} taken for {other}">{count}</button>"#,
        cell_list(model, label, prediction),
    )
}

/// A matrix too large for a table.
fn picture(run: &RunData, place: usize, model: usize) -> Result<String> {
    let Evaluation {
        class_names,
        models,
        ..
    } = run.evaluation;
    let ModelEvaluation {
        model: name,
        accuracy,
        confusion,
        ..
    } = &models[model];
    let (name, classes) = (markup::text(name), class_names.len());
    // Of a thousand classes each has a pixel.
    let cell = (PICTURE / classes).max(1);
    let label = format!(
        "Confusion matrix of {name}: {} classes, {} % of the images on the diagonal",
        text::thousands(classes as u64),
        text::percent(*accuracy)
    );
    let mut rows = String::new();
    let mistakes = confusion.mistakes();
    for &(label, prediction) in mistakes.iter().take(MISTAKES) {
        let [class, other] = [label, prediction].map(|class| markup::text(&class_names[class]));
        rows += &format!(
            r#"<tr><th scope="row">{class}</th><td class="name">{other}</td><td>{}</td><td>{} %</td></tr>"#,
            count_of(run, place, model, [label, prediction], r#" class="link""#),
            text::percent(confusion.share(label, prediction))
        );
    }
    let which = match mistakes.len() {
        0 => "No mistakes.".to_owned(),
        all @ ..=MISTAKES => format!("All mistakes, {}.", text::count(all, "pair of classes")),
        all => format!(
            "The {MISTAKES} most frequent mistakes, of {} pairs of classes.",
            text::thousands(all as u64)
        ),
    };
    let png = BASE64_STANDARD.encode(shades(confusion)?);
    Ok(format!(
        r#"<figure data-run="{place}" data-matrix="{model}"><p class="chart-title">{name}</p><div class="scroll"><div class="frame"><div class="drawn" role="img" aria-label="{label}" style="--side:{}px; mask-image:url(data:image/png;base64,{png})"></div></div></div><p class="note pointed"></p><div class="scroll"><table><thead><tr><th scope="col">class</th><th scope="col" class="name">taken for</th><th scope="col">images</th><th scope="col">of its class</th></tr></thead><tbody>{rows}</tbody></table></div><figcaption>{which}</figcaption></figure>"#,
        cell * classes,
    ))
}

/// A PNG of a pixel for each cell, which is as opaque as its shade.
fn shades(confusion: &Confusion) -> Result<Vec<u8>> {
    let classes = confusion.counts.len();
    let shape = ImageShape {
        channels: 2,
        height: classes,
        width: classes,
    };
    let mut image = vec![0; shape.values()];
    for (label, counts) in confusion.counts.iter().enumerate() {
        for (prediction, _) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let shade = 255.0 * confusion.share(label, prediction).sqrt();
            image[shape.pixels() + label * classes + prediction] = shade.round() as u8;
        }
    }
    let mut pixels = Pixels::new(shape.channels, classes, classes, 0);
    pixels.put(&image, shape, [0, 0], 1, |value| value);
    pixels.png(Compression::High)
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
            let content = count_of(run, place, model, [label, prediction], "");
            body += &format!(r#"<td{deep} style="--s:{shade:.3}">{content}</td>"#);
        }
        body += "</tr>";
    }
    format!(
        r#"<figure><p class="chart-title">{}</p><div class="scroll"><table class="matrix"><thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table></div></figure>"#,
        markup::text(&evaluation.model)
    )
}

//! The parts of the page that show images and weights: galleries, disagreements, filters.

use super::cases::{gallery_list, only_right_list};
use super::{Filters, RunData};
use crate::report::evaluation::{Comparison, tables::p_value};
use crate::util::markup;
use crate::util::text;

/// Side of a filter.
const SIDE: usize = 3;
/// Filters that are drawn; a wide layer has thousands.
const MAX_FILTERS: usize = 64;
/// Edge of a weight's square in a drawing.
const WEIGHT: usize = 10;

/// The images each model is surest of and wrong about.
pub fn mistakes(run: &RunData, place: usize) -> String {
    let gallery = |(model, name): (usize, &String)| {
        format!(
            r#"<figure><p class="chart-title">{}</p><div class="cards" data-run="{place}" data-cards="{}"></div></figure>"#,
            markup::text(name),
            gallery_list(model)
        )
    };
    let names = run.evaluation.models.iter().map(|m| &m.model);
    format!(
        r#"<p>The images that each model is surest of and wrong about, with the probabilities in percent. The tick marks the class the image belongs to.</p>{}"#,
        names.enumerate().map(gallery).collect::<String>()
    )
}

/// Which of two models is right where.
pub fn disagreement(run: &RunData, place: usize, comparison: &Comparison) -> String {
    let [first, second] = comparison.models.each_ref().map(|name| markup::text(name));
    let count = |images: usize| text::thousands(images as u64);
    let only = |model: usize| {
        let images = comparison.only_right[model].len();
        match run.test {
            Some(_) if images > 0 => format!(
                r#"<button class="link" data-run="{place}" data-list="{}">{}</button>"#,
                only_right_list(model),
                count(images)
            ),
            _ => count(images),
        }
    };
    let strip = |model: usize, name: &str| match run.test {
        Some(_) if !comparison.only_right[model].is_empty() => format!(
            r#"<figure><p class="chart-title">Only {name} right</p><div class="thumbs" data-run="{place}" data-thumbs="{}"></div></figure>"#,
            only_right_list(model)
        ),
        _ => String::new(),
    };
    format!(
        r#"<p>McNemar's exact test asks how often two equally good models would differ at least so much in the images that only one of them gets right: {}.</p>
<div class="scroll"><table class="agreement"><thead><tr><td></td><th scope="col">{second} right</th><th scope="col">{second} wrong</th></tr></thead><tbody><tr><th scope="row">{first} right</th><td>{}</td><td>{}</td></tr><tr><th scope="row">{first} wrong</th><td>{}</td><td>{}</td></tr></tbody></table></div>
<div class="figures">{}{}</div>"#,
        markup::text(&p_value(comparison.p_value)),
        count(comparison.both_right),
        only(0),
        only(1),
        count(comparison.both_wrong),
        strip(0, &first),
        strip(1, &second),
    )
}

/// The first layer's filters: of grey images blue where they look for light and orange where for dark;
/// of coloured ones in the colours that they look for.
pub fn filters(filters: &Filters) -> String {
    let Filters { channels, weights } = filters;
    let filter = channels * SIDE * SIDE;
    let drawings: String = weights
        .chunks_exact(filter)
        .take(MAX_FILTERS)
        .enumerate()
        .map(|(index, filter)| drawing(index + 1, filter))
        .collect();
    let which = match weights.len() / filter {
        all if all > MAX_FILTERS => format!("first {MAX_FILTERS} of {all} filters of the"),
        _ => "filters of the".to_owned(),
    };
    let colours = match channels {
        1 => "Blue: positive, orange: negative, in full colour",
        _ => "Red, green and blue as the weights of these channels, grey: 0, in full colour",
    };
    format!(
        r#"<figure><div class="filters">{drawings}</div><figcaption>The 3×3 weights of the {which} first layer. {colours} where a filter's own weights are largest.</figcaption></figure>"#
    )
}

/// A filter, in the colours of its own scale: training, and what normalisation leaves in the weights,
/// make some a hundred times as large as others.
fn drawing(number: usize, filter: &[f32]) -> String {
    let largest = filter
        .iter()
        .fold(0.0_f32, |largest, w| largest.max(w.abs()));
    // 0 / 0, or weights of a model that diverged.
    let share = |weight: f32| Some(weight / largest).filter(|share| share.is_finite());
    let numbers: Vec<String> = filter.iter().map(|weight| shown(*weight)).collect();
    let title = format!("Filter {number}: {}", numbers.join(" "));
    let mut squares = String::new();
    let plane = SIDE * SIDE;
    for i in 0..plane {
        let tap = |channel: usize| share(filter[channel * plane + i]).unwrap_or(0.0);
        let paint = if filter.len() == plane {
            let class = if tap(0) < 0.0 { "negative" } else { "positive" };
            format!(r#"class="{class}" fill-opacity="{:.3}""#, tap(0).abs())
        } else {
            let [red, green, blue] =
                [0, 1, 2].map(|channel| (127.5 + 127.5 * tap(channel)).round());
            format!(r#"fill="rgb({red} {green} {blue})""#)
        };
        squares += &format!(
            r#"<rect {paint} x="{}" y="{}" width="{WEIGHT}" height="{WEIGHT}"/>"#,
            i % SIDE * WEIGHT,
            i / SIDE * WEIGHT
        );
    }
    let side = SIDE * WEIGHT;
    format!(
        r#"<svg viewBox="0 0 {side} {side}" role="img" aria-label="{title}"><title>{title}</title>{squares}</svg>"#
    )
}

/// A weight in a few characters, also one of a model that diverged.
fn shown(weight: f32) -> String {
    match weight.abs() < 1000.0 {
        true => format!("{weight:.3}"),
        false => format!("{weight:.1e}"),
    }
}

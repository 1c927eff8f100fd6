//! Reliability diagrams.

use super::RunData;
use super::chart::{Labels, Plot, Readout, ReadoutSeries};
use crate::report::axis::Axis;
use crate::report::evaluation::{BINS, ModelEvaluation};
use crate::util::text;

/// The accuracy over fewer images says little: their bars are pale.
const FEW: u32 = 10;

/// One diagram for each model.
pub fn diagrams(run: &RunData, charts: &mut Vec<Readout>) -> String {
    let figures: String = run
        .evaluation
        .models
        .iter()
        .map(|model| diagram(model, run.color(&model.model), charts))
        .collect();
    format!(
        r#"<p>A model is well calibrated if of the images it is 80 % sure of it gets 80 % right: if its bars end at the diagonal. The expected calibration error is the mean distance between the two, over {BINS} bins of confidence (Guo et al., 2017).</p><div class="figures">{figures}</div>"#
    )
}

fn diagram(model: &ModelEvaluation, color: usize, charts: &mut Vec<Readout>) -> String {
    let percent = || Axis::of_values((0.0, 100.0), 20.0, " %");
    let mut plot = Plot::new(percent(), percent());
    let bins = &model.calibration.bins;
    let border = |bin: usize| 100.0 * bin as f64 / BINS as f64;
    for (i, bin) in bins.iter().enumerate().filter(|(_, bin)| bin.images > 0) {
        let (from, to) = (border(i), border(i + 1));
        let pale = if bin.images < FEW { " pale" } else { "" };
        plot.bar(
            &format!("c{color}{pale}"),
            (from, to),
            100.0 * bin.accuracy.clamp(0.0, 1.0),
        );
        let sure = 100.0 * bin.mean_confidence.clamp(0.0, 1.0);
        plot.line("level", &[(from, sure), (to, sure)]);
    }
    plot.line("diagonal", &[(0.0, 0.0), (100.0, 100.0)]);

    let shown: Vec<_> = (0..BINS).filter(|bin| bins[*bin].images > 0).collect();
    let share = |fraction: f64| text::percent(fraction) + " %";
    let readout = Readout {
        axis: "Confidence",
        heads: shown
            .iter()
            .map(|bin| format!("{:.0}–{:.0} %", border(*bin), border(bin + 1)))
            .collect(),
        x: shown
            .iter()
            .map(|bin| plot.x((border(*bin) + border(bin + 1)) / 2.0))
            .collect(),
        series: vec![
            ReadoutSeries {
                name: "classified correctly".to_owned(),
                class: format!("c{color} box"),
                y: shown
                    .iter()
                    .map(|bin| Some(plot.y(100.0 * bins[*bin].accuracy.clamp(0.0, 1.0))))
                    .collect(),
                text: shown.iter().map(|bin| share(bins[*bin].accuracy)).collect(),
            },
            ReadoutSeries {
                name: "mean confidence".to_owned(),
                class: "level".to_owned(),
                y: vec![None; shown.len()],
                text: shown
                    .iter()
                    .map(|bin| share(bins[*bin].mean_confidence))
                    .collect(),
            },
            ReadoutSeries {
                name: "images".to_owned(),
                class: String::new(),
                y: vec![None; shown.len()],
                text: shown
                    .iter()
                    .map(|bin| text::thousands(u64::from(bins[*bin].images)))
                    .collect(),
            },
        ],
    };
    let summary = format!(
        "Reliability diagram of {}: accuracy {} %, mean confidence {} %",
        model.model,
        text::percent(model.accuracy),
        text::percent(model.calibration.mean_confidence)
    );
    let caption = format!(
        "{} % right, {} % sure on average; expected calibration error {} %. Pale: fewer than {FEW} \
         images.",
        text::percent(model.accuracy),
        text::percent(model.calibration.mean_confidence),
        text::percent(model.calibration.expected_error)
    );
    let labels = Labels {
        title: &model.model,
        summary: &summary,
        caption: &caption,
    };
    let figure = plot.figure(charts.len(), &labels, &readout);
    charts.push(readout);
    figure
}

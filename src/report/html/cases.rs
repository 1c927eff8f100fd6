//! Which test images a run's part of the page shows, and what the models say of them.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::RunData;
use super::sheet::{Sheet, Sheets};
use crate::dataset::Split;
use crate::report::evaluation::tables::MISTAKES;
use crate::report::evaluation::{Evaluation, ModelEvaluation, argmax};
use crate::report::table::MATRIX_CLASSES;
use crate::report::test_set::TestSet;
use crate::util::markup;
use crate::util::text;

/// Images in each model's gallery of confident mistakes.
const GALLERY: usize = 12;
/// Images of a class shown among those classified correctly.
pub const RIGHT: usize = 12;

/// Classes besides its own that are worth a word with an image,
const OTHERS: usize = 3;
/// and the probability that makes them so.
const LEAST: f32 = 0.005;

/// What the page's script shows of a run's images.
#[derive(Serialize)]
pub struct Cases {
    /// Number of the sheet that its images lie on.
    sheet: usize,
    classes: Vec<String>,
    models: Vec<String>,
    /// The images that occur in the lists.
    images: Vec<Case>,
    /// By the name that a button or a gallery asks for.
    lists: BTreeMap<String, List>,
    /// Of each confusion matrix that is too large for a table what its cells count: label, prediction
    /// and count in turn.
    counts: Vec<Vec<u32>>,
}

/// An image: its place in the [`Sheet`], what it is called, its label, each model's prediction; the
/// classes that are worth a word, and each model's probabilities of these in thousandths.
#[derive(Serialize)]
struct Case(usize, Name, u16, Vec<u16>, Vec<u16>, Vec<Vec<Option<u16>>>);

/// What an image is called.
#[derive(Serialize)]
#[serde(untagged)]
enum Name {
    /// The picture's file.
    File(String),
    /// Its place in the test set.
    Place(usize),
}

/// Some of the images that have something in common.
#[derive(Serialize)]
struct List {
    title: String,
    /// How they are ordered.
    order: &'static str,
    /// How many images have it in common.
    total: usize,
    /// Places in [`Cases::images`].
    shown: Vec<usize>,
}

/// The list of a confusion matrix' cell.
pub fn cell_list(model: usize, label: usize, prediction: usize) -> String {
    format!("cell-{model}-{label}-{prediction}")
}

/// The list of the images that of two models only one gets right.
pub fn only_right_list(model: usize) -> String {
    format!("only-{model}")
}

/// The list of a model's most confident mistakes.
pub fn gallery_list(model: usize) -> String {
    format!("gallery-{model}")
}

/// The cells of a confusion matrix whose images are shown: of few classes all that have any, of many
/// those of the most frequent mistakes.
pub fn cells(model: &ModelEvaluation) -> Vec<(usize, usize)> {
    let classes = model.classes.len();
    if classes > MATRIX_CLASSES {
        let mut mistakes = model.confusion.mistakes();
        mistakes.truncate(MISTAKES);
        return mistakes;
    }
    (0..classes * classes)
        .map(|cell| (cell / classes, cell % classes))
        .filter(|&(label, prediction)| model.confusion.counts[label][prediction] > 0)
        .collect()
}

/// All images that have something in common, in the order in which they are shown.
pub struct Ranking {
    name: String,
    title: String,
    order: &'static str,
    images: Vec<usize>,
    /// How many of them are shown, whatever the limit: at least and at most.
    shown: [usize; 2],
}

/// What the lists of a run are taken from.
pub fn rankings(evaluation: &Evaluation, test: &TestSet) -> Vec<Ranking> {
    let classes = cleaned(evaluation.class_names.iter());
    let models = cleaned(evaluation.models.iter().map(|model| &model.model));
    let mut rankings = Vec::new();
    let mut add = |name: String, title: String, order, images: Vec<usize>, shown| {
        rankings.push(Ranking {
            name,
            title: format!("{title} ({})", text::thousands(images.len() as u64)),
            order,
            images,
            shown,
        });
    };
    for (model, name) in models.iter().enumerate() {
        let mut by_cell: HashMap<(usize, usize), Vec<usize>> = HashMap::new();
        let mut mistakes = Vec::new();
        for (image, row) in test.probabilities[model].rows().enumerate() {
            let (label, prediction) = (usize::from(test.split.labels[image]), argmax(row));
            by_cell.entry((label, prediction)).or_default().push(image);
            if label != prediction {
                mistakes.push(image);
            }
        }
        for (label, prediction) in cells(&evaluation.models[model]) {
            let mut images = by_cell.remove(&(label, prediction)).unwrap_or_default();
            test.sort_by_confidence(model, &mut images);
            let list = cell_list(model, label, prediction);
            if label == prediction {
                images.reverse();
                let title = format!("{name}: {}, recognised", classes[label]);
                add(list, title, "least sure first", images, [0, RIGHT]);
            } else {
                let (class, other) = (&classes[label], &classes[prediction]);
                let title = format!("{name}: {class} taken for {other}");
                add(list, title, "most sure first", images, [0, usize::MAX]);
            }
        }
        test.sort_by_confidence(model, &mut mistakes);
        let title = format!("{name}: most confident mistakes");
        let list = gallery_list(model);
        add(list, title, "most sure first", mistakes, [GALLERY; 2]);
    }
    if let [first, second] = &models[..] {
        for (model, name, other) in [(0, first, second), (1, second, first)] {
            let images = test.only_right(model, 1 - model);
            let title = format!("Only {name} right, {other} wrong");
            let list = only_right_list(model);
            add(
                list,
                title,
                "surest mistakes first",
                images,
                [0, usize::MAX],
            );
        }
    }
    rankings
}

fn cleaned<'a>(names: impl Iterator<Item = &'a String>) -> Vec<String> {
    names.map(|name| markup::clean(name)).collect()
}

impl Cases {
    /// Lists of at most `limit` images each, but for the galleries; the images go onto one of the
    /// `sheets`.
    pub fn new<'a>(
        run: &'a RunData<'_>,
        test: &'a TestSet,
        rankings: &[Ranking],
        limit: usize,
        sheets: &mut Sheets<'a>,
    ) -> Self {
        let evaluation = run.evaluation;
        let (number, sheet) = sheets.of(test.split.spec.shape);
        let mut collector = Collector {
            test,
            pictures: run.pictures,
            sheet,
            places: HashMap::new(),
            images: Vec::new(),
        };
        let lists = rankings.iter().map(|ranking| {
            let [least, most] = ranking.shown;
            let shown = ranking.images.iter().take(limit.clamp(least, most));
            let list = List {
                title: ranking.title.clone(),
                order: ranking.order,
                total: ranking.images.len(),
                shown: shown.map(|image| collector.add(*image)).collect(),
            };
            (ranking.name.clone(), list)
        });
        let lists = lists.collect();
        Self {
            sheet: number,
            images: collector.images,
            classes: cleaned(evaluation.class_names.iter()),
            models: cleaned(evaluation.models.iter().map(|model| &model.model)),
            lists,
            counts: match evaluation.class_names.len() {
                ..=MATRIX_CLASSES => Vec::new(),
                _ => evaluation.models.iter().map(counts).collect(),
            },
        }
    }
}

/// Label, prediction and count of each cell that is not empty.
fn counts(model: &ModelEvaluation) -> Vec<u32> {
    let rows = model.confusion.counts.iter().enumerate();
    let cells = rows.flat_map(|(label, counts)| {
        let filled = counts.iter().enumerate().filter(|(_, count)| **count > 0);
        filled.flat_map(move |(prediction, count)| [label as u32, prediction as u32, *count])
    });
    cells.collect()
}

/// Gathers the images that occur in any list, each once.
struct Collector<'t, 'a> {
    test: &'a TestSet,
    pictures: &'a [String],
    sheet: &'t mut Sheet<'a>,
    places: HashMap<usize, usize>,
    images: Vec<Case>,
}

impl<'a> Collector<'_, 'a> {
    fn name_of(&self, image: usize) -> Name {
        match self.pictures.get(image) {
            Some(file) => Name::File(markup::clean(file)),
            None => Name::Place(image),
        }
    }

    /// The place of a test image among [`Cases::images`].
    fn add(&mut self, image: usize) -> usize {
        let split: &'a Split = &self.test.split;
        let name = self.name_of(image);
        *self.places.entry(image).or_insert_with(|| {
            let thousandths = |p: f32| p.is_finite().then(|| (1000.0 * p).round() as u16);
            let rows = self.test.probabilities.iter().map(|rows| rows.row(image));
            let rows: Vec<&[f32]> = rows.collect();
            let label = split.labels[image];
            let predictions: Vec<u16> = rows.iter().map(|row| argmax(row) as u16).collect();
            let classes = told(&rows, label, &predictions);
            let of_classes = |row: &&[f32]| {
                let values = classes.iter().map(|class| row[usize::from(*class)]);
                values.map(thousandths).collect()
            };
            self.images.push(Case(
                self.sheet.add(split.image(image)),
                name,
                label,
                predictions,
                classes.clone(),
                rows.iter().map(of_classes).collect(),
            ));
            self.images.len() - 1
        })
    }
}

/// The classes of an image that are worth a word, the most probable first: its own, the models' predictions,
/// and of the others the [`OTHERS`] that any model thinks of.
fn told(rows: &[&[f32]], label: u16, predictions: &[u16]) -> Vec<u16> {
    let most = |class: u16| {
        let of_class = rows.iter().map(|row| row[usize::from(class)]);
        of_class.fold(0.0, f32::max)
    };
    let classes = rows.first().map_or(0, |row| row.len()) as u16;
    let mut ranked: Vec<(u16, f32)> = (0..classes).map(|class| (class, most(class))).collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut others = 0;
    ranked.retain(|&(class, most)| {
        let other = class != label;
        others += usize::from(other);
        !other || predictions.contains(&class) || (others <= OTHERS && most >= LEAST)
    });
    ranked.into_iter().map(|(class, _)| class).collect()
}

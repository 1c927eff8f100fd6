//! Which test images a run's part of the page shows, and what the models say of them.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::markup;
use super::sheet::{Sheet, Sheets};
use crate::dataset::Split;
use crate::report::evaluation::{Evaluation, argmax};
use crate::report::test_set::TestSet;
use crate::util::text;

/// Images in each model's gallery of confident mistakes.
const GALLERY: usize = 12;
/// Images of a class shown among those classified correctly.
pub const RIGHT: usize = 12;

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
}

/// An image: its place in the [`Sheet`] and in the test set, its label, and each model's
/// probabilities in thousandths.
#[derive(Serialize)]
struct Case(usize, usize, u16, Vec<Vec<Option<u16>>>);

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

impl Cases {
    /// Lists of at most `limit` images each; the images go onto one of the `sheets`.
    pub fn new<'a>(
        evaluation: &Evaluation,
        test: &'a TestSet,
        limit: usize,
        sheets: &mut Sheets<'a>,
    ) -> Self {
        let (number, sheet) = sheets.of(test.split.spec.shape);
        let mut collector = Collector {
            test,
            sheet,
            places: HashMap::new(),
            images: Vec::new(),
        };
        let classes: Vec<String> = evaluation
            .class_names
            .iter()
            .map(|n| markup::clean(n))
            .collect();
        let models: Vec<String> = evaluation
            .models
            .iter()
            .map(|m| markup::clean(&m.model))
            .collect();
        let mut lists = BTreeMap::new();
        for (model, name) in models.iter().enumerate() {
            let mut mistakes = Vec::new();
            for (cell, mut images) in cells(test, model).into_iter().enumerate() {
                let (label, prediction) = (cell / classes.len(), cell % classes.len());
                let (title, order, limit) = if label == prediction {
                    images.reverse();
                    let title = format!("{name}: {}, recognised", classes[label]);
                    (title, "least sure first", limit.min(RIGHT))
                } else {
                    mistakes.extend(&images);
                    let (class, other) = (&classes[label], &classes[prediction]);
                    let title = format!("{name}: {class} taken for {other}");
                    (title, "most sure first", limit)
                };
                let list = collector.list(title, order, &images, limit);
                lists.insert(cell_list(model, label, prediction), list);
            }
            test.sort_by_confidence(model, &mut mistakes);
            let title = format!("{name}: most confident mistakes");
            let list = collector.list(title, "most sure first", &mistakes, GALLERY);
            lists.insert(gallery_list(model), list);
        }
        if let [first, second] = &models[..] {
            for (model, name, other) in [(0, first, second), (1, second, first)] {
                let images = test.only_right(model, 1 - model);
                let title = format!("Only {name} right, {other} wrong");
                let list = collector.list(title, "surest mistakes first", &images, limit);
                lists.insert(only_right_list(model), list);
            }
        }
        Self {
            sheet: number,
            images: collector.images,
            classes,
            models,
            lists,
        }
    }
}

/// For each label and prediction the images of that label so predicted, most confident first.
fn cells(test: &TestSet, model: usize) -> Vec<Vec<usize>> {
    let probabilities = &test.probabilities[model];
    let classes = probabilities.classes();
    let mut cells = vec![Vec::new(); classes * classes];
    for (image, row) in probabilities.rows().enumerate() {
        cells[usize::from(test.split.labels[image]) * classes + argmax(row)].push(image);
    }
    for images in &mut cells {
        test.sort_by_confidence(model, images);
    }
    cells
}

/// Gathers the images that occur in any list, each once.
struct Collector<'t, 'a> {
    test: &'a TestSet,
    sheet: &'t mut Sheet<'a>,
    places: HashMap<usize, usize>,
    images: Vec<Case>,
}

impl<'a> Collector<'_, 'a> {
    fn list(&mut self, title: String, order: &'static str, images: &[usize], limit: usize) -> List {
        let total = images.len();
        List {
            title: format!("{title} ({})", text::thousands(total as u64)),
            order,
            total,
            shown: images
                .iter()
                .take(limit)
                .map(|image| self.add(*image))
                .collect(),
        }
    }

    /// The place of a test image among [`Cases::images`].
    fn add(&mut self, image: usize) -> usize {
        let split: &'a Split = &self.test.split;
        *self.places.entry(image).or_insert_with(|| {
            let thousandths = |p: &f32| p.is_finite().then(|| (1000.0 * p).round() as u16);
            let rows = self.test.probabilities.iter().map(|rows| rows.row(image));
            self.images.push(Case(
                self.sheet.add(split.image(image)),
                image,
                split.labels[image],
                rows.map(|row| row.iter().map(thousandths).collect())
                    .collect(),
            ));
            self.images.len() - 1
        })
    }
}

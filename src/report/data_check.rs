//! `fmnist data check`: the contents of a dataset, and what may be wrong with it.

use std::collections::BTreeMap;
use std::fmt::Write;

use console::measure_text_width;
use serde::Serialize;

use crate::dataset::parts::Part;
use crate::dataset::{Dataset, ImageShape, Resize, Split};
use crate::util::text::{self, count, first_five, line, one_line, thousands};

/// Characters of a class's name.
const NAME_WIDTH: usize = 30;
/// Classes that a table lists.
const MAX_ROWS: usize = 40;
/// A class of so many times as many images as another makes the other hard to learn.
const IMBALANCE: usize = 10;
/// Fewer images to train on than these teach little.
const FEW: usize = 20;
/// Fewer images to validate or to test with than these tell little.
const FEW_HELD_OUT: usize = 50;

/// What is found of a dataset.
#[derive(Debug, Serialize)]
pub struct DataCheck {
    /// Its name.
    pub dataset: String,
    /// Its classes and how many images they have.
    pub classes: Vec<ClassCount>,
    /// What the models see of an image.
    pub image: ImageShape,
    /// How pictures are brought to that size; none if the data are images of one size.
    pub resize: Option<Resize>,
    /// How many pictures of each format.
    pub formats: BTreeMap<&'static str, usize>,
    /// Width and height of the smallest picture, the one in the middle, and the largest.
    pub sizes: Option<[[usize; 2]; 3]>,
    /// Bytes of all images.
    pub bytes: u64,
    /// Which parts the data tell by themselves; the others are made by a seed.
    pub given: Vec<&'static str>,
    /// What was passed over, and how often.
    pub ignored: Vec<(String, usize)>,
    /// Pictures that are left out, and why.
    pub skipped: Vec<(String, String)>,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// A class and how many images it has.
#[derive(Debug, Serialize)]
pub struct ClassCount {
    /// Its name.
    pub name: String,
    /// To train on.
    pub train: usize,
    /// To validate with.
    pub validation: usize,
    /// To test with.
    pub test: usize,
}

impl ClassCount {
    fn counts(&self) -> [usize; 4] {
        let Self {
            train,
            validation,
            test,
            ..
        } = *self;
        [train, validation, test, train + validation + test]
    }
}

impl DataCheck {
    /// Of a dataset of which these images are trained on and validated with.
    pub fn new(data: &Dataset, training: &Split, validation: &Split) -> Self {
        let splits = [training, validation, &data.test];
        let counts = splits.map(Split::class_counts);
        let class = |(index, name): (usize, &String)| ClassCount {
            name: name.clone(),
            train: counts[0][index],
            validation: counts[1][index],
            test: counts[2][index],
        };
        let classes: Vec<ClassCount> = data.class_names.iter().enumerate().map(class).collect();
        let inventory = data.inventory.clone().unwrap_or_default();
        let mut warnings = data.warnings.clone();
        warnings.extend(about_counts(&classes));
        let has_pictures = data.inventory.is_some();
        Self {
            dataset: data.name.clone(),
            classes,
            image: training.spec.shape,
            resize: (data.preparation.as_ref())
                .filter(|_| has_pictures)
                .and_then(|preparation| preparation.resize),
            formats: inventory.formats,
            sizes: has_pictures.then_some(inventory.sizes),
            bytes: splits
                .iter()
                .map(|split| (split.len() * split.spec.shape.values()) as u64)
                .sum(),
            given: inventory.given.into_iter().map(Part::name).collect(),
            ignored: inventory.ignored,
            skipped: (inventory.skipped.into_iter())
                .map(|skipped| (line(&skipped.path.to_string_lossy()), skipped.reason))
                .collect(),
            warnings,
        }
    }

    /// The same as a text of several lines.
    pub fn table(&self) -> String {
        let names = self
            .classes
            .iter()
            .take(MAX_ROWS)
            .map(|class| one_line(&class.name, NAME_WIDTH));
        let names: Vec<String> = names.collect();
        let widths = names.iter().map(|name| measure_text_width(name));
        let width = widths.max().unwrap_or(0).max("class".len());
        let mut table = String::new();
        let mut row = |name: &str, cells: [String; 4]| {
            let pad = " ".repeat(width.saturating_sub(measure_text_width(name)));
            let [train, validation, test, all] = cells;
            // Writing to a string does not fail.
            let _ = writeln!(
                table,
                "{name}{pad}  {train:>9}  {validation:>10}  {test:>9}  {all:>9}"
            );
        };
        row(
            "class",
            ["train", "validation", "test", "all"].map(str::to_owned),
        );
        let cells = |counts: [usize; 4]| counts.map(|count| thousands(count as u64));
        for (class, name) in self.classes.iter().zip(&names) {
            row(name, cells(class.counts()));
        }
        let more = self.classes.len().saturating_sub(MAX_ROWS);
        if more > 0 {
            row(
                &format!("… {}", count(more, "more class")),
                Default::default(),
            );
        }
        let mut all = [0; 4];
        for class in &self.classes {
            for (sum, count) in all.iter_mut().zip(class.counts()) {
                *sum += count;
            }
        }
        row("all", cells(all));
        for (name, text) in self.facts() {
            let _ = write!(table, "\n{name:<11} {text}");
        }
        for (number, warning) in (1..).zip(&self.warnings) {
            let _ = write!(table, "\n{number}. {warning}");
        }
        table + "\n"
    }

    /// Lines below the table.
    fn facts(&self) -> Vec<(&'static str, String)> {
        let mut facts = Vec::new();
        if let Some([smallest, median, largest]) = self.sizes {
            let formats: Vec<String> = (self.formats.iter())
                .map(|(format, count)| format!("{} {format}", thousands(*count as u64)))
                .collect();
            let size = |[width, height]: [usize; 2]| format!("{width}×{height}");
            let sizes = match smallest == largest {
                true => format!("all of {}", size(smallest)),
                false => format!(
                    "{} to {}, in the middle {} (width × height)",
                    size(smallest),
                    size(largest),
                    size(median)
                ),
            };
            facts.push(("pictures", format!("{}; {sizes}", formats.join(", "))));
        }
        let rule = match self.resize {
            None => "",
            Some(Resize::Pad) => ", each picture whole in the middle of black (--resize pad)",
            Some(Resize::Crop) => ", of each picture what fills them (--resize crop)",
            Some(Resize::Stretch) => ", each picture stretched to fill them (--resize stretch)",
        };
        let kind = if self.image.channels == 1 {
            "grey"
        } else {
            "in colour"
        };
        let ImageShape { height, width, .. } = self.image;
        facts.push(("images", format!("{height}×{width}, {kind}{rule}")));
        facts.push(("memory", text::bytes(self.bytes)));
        if self.resize.is_some() && self.given.len() < Part::ALL.len() {
            let parts = match &self.given[..] {
                [] => "chosen by a hash of each picture and the seed".to_owned(),
                given => format!(
                    "{} given, the rest chosen by a hash and the seed",
                    given.join(" and ")
                ),
            };
            facts.push(("parts", parts));
        }
        if !self.ignored.is_empty() {
            let ignored: Vec<String> = (self.ignored.iter())
                .map(|(what, count)| format!("{what} ({})", thousands(*count as u64)))
                .collect();
            facts.push(("passed over", ignored.join(", ")));
        }
        facts
    }
}

/// What may be wrong with the numbers of images.
fn about_counts(classes: &[ClassCount]) -> Vec<String> {
    let mut warnings = Vec::new();
    let names = |classes: Vec<&ClassCount>| {
        first_five(classes.iter().map(|class| format!("“{}”", class.name)))
    };
    let (taught, untaught): (Vec<&ClassCount>, Vec<&ClassCount>) =
        classes.iter().partition(|class| class.train > 0);
    if !untaught.is_empty() {
        warnings.push(format!(
            "no image to train on, so that nothing will be taken for it: {}",
            names(untaught)
        ));
    }
    let by_count = |class: &&&ClassCount| class.train;
    let (least, most) = (
        taught.iter().min_by_key(by_count),
        taught.iter().max_by_key(by_count),
    );
    if let (Some(least), Some(most)) = (least, most)
        && most.train > IMBALANCE * least.train
    {
        warnings.push(format!(
            "“{}” has {} to train on, “{}” {}: more than {IMBALANCE} times as many — see --class-weights",
            most.name,
            count(most.train, "image"),
            least.name,
            thousands(least.train as u64)
        ));
    }
    let few: Vec<&&ClassCount> = taught.iter().filter(|class| class.train < FEW).collect();
    if !few.is_empty() {
        let few = few
            .iter()
            .map(|class| format!("“{}” ({})", class.name, class.train));
        warnings.push(format!(
            "fewer than {FEW} images to train on: {}",
            first_five(few)
        ));
    }
    for (images, what) in [
        (
            classes.iter().map(|class| class.validation).sum(),
            "validate",
        ),
        (
            classes.iter().map(|class| class.test).sum::<usize>(),
            "test",
        ),
    ] {
        if (1..FEW_HELD_OUT).contains(&images) {
            warnings.push(format!(
                "only {} to {what} with: each is worth {:.1} points of accuracy",
                count(images, "image"),
                100.0 / images as f64
            ));
        }
    }
    let untested: Vec<&ClassCount> = classes.iter().filter(|class| class.test == 0).collect();
    if !untested.is_empty() {
        warnings.push(format!("no image to test with: {}", names(untested)));
    }
    warnings
}

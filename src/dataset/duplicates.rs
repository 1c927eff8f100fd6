//! Images that are there more than once.

use super::parts::Part;
use crate::util::text::{count, indented_five, is_or_are};

/// An image as far as others may be the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Item {
    /// A hash of its pixels.
    pub content: u128,
    /// Its number.
    pub index: usize,
    /// Its class.
    pub label: u16,
    /// What it is for.
    pub part: Part,
}

/// Images that occur more than once, by index.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Duplicates {
    /// Images to train on, each with one of another part that is the same.
    pub across: Vec<(usize, usize)>,
    /// Images to validate with, each with one to test with that is the same.
    pub held_out: Vec<(usize, usize)>,
    /// Images, each with one of another class that is the same.
    pub two_labels: Vec<(usize, usize)>,
    /// How many are the same as another of their class and part.
    pub within: usize,
}

impl Duplicates {
    /// Of these images.
    pub fn of(mut items: Vec<Item>) -> Self {
        items.sort_unstable();
        let mut duplicates = Self::default();
        for same in items.chunk_by(|a, b| a.content == b.content) {
            let held_out = same.iter().find(|item| item.part != Part::Train);
            let test = same.iter().find(|item| item.part == Part::Test);
            for (nth, item) in same.iter().enumerate() {
                if item.label != same[0].label {
                    duplicates.two_labels.push((same[0].index, item.index));
                }
                if let (Part::Validation, Some(other)) = (item.part, test) {
                    duplicates.held_out.push((item.index, other.index));
                }
                let is_like = |other: &Item| (other.label, other.part) == (item.label, item.part);
                match held_out {
                    Some(other) if item.part == Part::Train => {
                        duplicates.across.push((item.index, other.index));
                    }
                    _ if same[..nth].iter().any(is_like) => duplicates.within += 1,
                    _ => {}
                }
            }
        }
        duplicates.across.sort_unstable();
        duplicates.held_out.sort_unstable();
        duplicates.two_labels.sort_unstable();
        duplicates
    }

    /// What there is to say of them: of a `thing`, which `name` names. Are those that are also in another part
    /// taken out of training?
    pub fn warnings(
        &self,
        thing: &str,
        are_taken_out: bool,
        name: impl Fn(usize) -> String,
    ) -> Vec<String> {
        let mut warnings = Vec::new();
        let pairs = |pairs: &[(usize, usize)]| {
            let pairs = pairs.iter().map(|&(a, b)| (name(a), name(b)));
            indented_five(pairs.map(|(a, b)| format!("{a} and {b}")))
        };
        if !self.across.is_empty() {
            warnings.push(format!(
                "{} to train on {} also in another part, and {}:\n{}",
                count(self.across.len(), thing),
                is_or_are(self.across.len()),
                match are_taken_out {
                    true => "taken out of training",
                    false => "left in both parts",
                },
                pairs(&self.across)
            ));
        }
        if !self.held_out.is_empty() {
            warnings.push(format!(
                "{} to validate with {} also to test with, and left in both parts:\n{}",
                count(self.held_out.len(), thing),
                is_or_are(self.held_out.len()),
                pairs(&self.held_out)
            ));
        }
        if !self.two_labels.is_empty() {
            warnings.push(format!(
                "{} of the same {thing} {} different classes, of which one must be wrong:\n{}",
                count(self.two_labels.len(), "pair"),
                match self.two_labels.len() {
                    1 => "has",
                    _ => "have",
                },
                pairs(&self.two_labels)
            ));
        }
        if self.within > 0 {
            warnings.push(format!(
                "{} {} the same as another of the same class and part",
                count(self.within, thing),
                is_or_are(self.within)
            ));
        }
        warnings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_told_apart() {
        use Part::{Test, Train, Validation};
        let images = [
            (0, 7, 0, Train),
            (1, 7, 0, Test), // the same in two parts
            (2, 8, 0, Train),
            (3, 8, 1, Train), // under two labels
            (4, 9, 1, Train),
            (5, 9, 1, Train), // within
            (6, 10, 1, Train),
            (7, 11, 0, Validation),
            (8, 11, 0, Test), // neither is to train on
        ];
        let item = |(index, content, label, part)| Item {
            content,
            index,
            label,
            part,
        };
        let duplicates = Duplicates::of(images.map(item).to_vec());
        let expected = Duplicates {
            across: vec![(0, 1)],
            held_out: vec![(7, 8)],
            two_labels: vec![(2, 3)],
            within: 1,
        };
        assert_eq!(duplicates, expected);
    }
}

//! Pictures that show the same pixels.

use std::collections::HashMap;

use crate::dataset::parts::Part;

/// What is there more than once, by the numbers of the pictures.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Duplicates {
    /// Pictures to train on, each with one of another part that is the same.
    pub across: Vec<(usize, usize)>,
    /// Pictures to validate with, each with one to test with that is the same.
    pub held_out: Vec<(usize, usize)>,
    /// Pictures, each with one of another class that is the same.
    pub two_labels: Vec<(usize, usize)>,
    /// How many are the same as another of their class and part.
    pub within: usize,
}

impl Duplicates {
    /// Of pictures with their number, content, label and part.
    pub fn of(pictures: impl Iterator<Item = (usize, u128, u16, Part)>) -> Self {
        let mut same: HashMap<u128, Vec<(usize, u16, Part)>> = HashMap::new();
        for (index, content, label, part) in pictures {
            same.entry(content).or_default().push((index, label, part));
        }
        let mut duplicates = Self::default();
        for pictures in same.into_values().filter(|pictures| pictures.len() > 1) {
            let held_out = pictures.iter().find(|(_, _, part)| *part != Part::Train);
            let test = pictures.iter().find(|(_, _, part)| *part == Part::Test);
            let first = pictures[0];
            for (nth, &(index, label, part)) in pictures.iter().enumerate() {
                if label != first.1 {
                    duplicates.two_labels.push((first.0, index));
                }
                if let (Part::Validation, Some(other)) = (part, test) {
                    duplicates.held_out.push((index, other.0));
                }
                match held_out {
                    Some(other) if part == Part::Train => duplicates.across.push((index, other.0)),
                    _ if pictures[..nth]
                        .iter()
                        .any(|before| (before.1, before.2) == (label, part)) =>
                    {
                        duplicates.within += 1;
                    }
                    _ => {}
                }
            }
        }
        duplicates.across.sort_unstable();
        duplicates.held_out.sort_unstable();
        duplicates.two_labels.sort_unstable();
        duplicates
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_told_apart() {
        use Part::{Test, Train, Validation};
        let pictures = [
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
        let duplicates = Duplicates::of(pictures.into_iter());
        let expected = Duplicates {
            across: vec![(0, 1)],
            held_out: vec![(7, 8)],
            two_labels: vec![(2, 3)],
            within: 1,
        };
        assert_eq!(duplicates, expected);
    }
}

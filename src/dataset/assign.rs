//! Assigns pictures to parts (train, validation, test) where the dataset does not say.
//!
//! A picture's place is a number from 0 to 1, a hash of the seed and of what the picture is: of its
//! pixels, or of the group that it belongs to. What lies below the share of the test part is for that,
//! what comes next for validation, the rest to train on. So a part has its share of each class, about,
//! and a picture that is added moves no other.
//!
//! Pictures with the same pixels and pictures of one group are one *unit*, which stays whole. Where a
//! class is so small that it has no unit in a part, the one whose place is nearest is moved there.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};

use sha2::{Digest, Sha256};

use super::Preparation;
use super::parts::Part;
use crate::Result;
use crate::error::{bail, ensure};
use crate::util::text::count;

/// A picture as far as its part depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item<'a> {
    /// Its class.
    pub label: u16,
    /// A hash of its pixels.
    pub content: u128,
    /// The group that it belongs to, if it belongs to any.
    pub group: Option<&'a str>,
}

/// The share of each part but that of training, from 0 to 1; a part with 0 is not made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shares {
    /// Of [`Part::Validation`].
    pub validation: f64,
    /// Of [`Part::Test`].
    pub test: f64,
}

/// The share of each part where nobody says it.
const USUAL: f64 = 0.1;

impl Shares {
    /// Those of the parts that `source` does not give, of so many images to train on.
    ///
    /// # Errors
    ///
    /// If `--validation` asks for what is given, or for all images.
    pub fn wanted(
        source: &str,
        given: &[Part],
        images: usize,
        asked: &Preparation,
    ) -> Result<Self> {
        let has = |part| given.contains(&part);
        let shares = Self {
            validation: match (has(Part::Validation), asked.validation) {
                (true, None) => 0.0,
                (true, Some(_)) => {
                    bail!("--validation: {source} says itself what to validate with — leave it out")
                }
                (false, None) => USUAL,
                (false, Some(asked)) => asked as f64 / images as f64,
            },
            test: if has(Part::Test) { 0.0 } else { USUAL },
        };
        ensure!(
            shares.validation + shares.test < 1.0,
            "--validation {}: {source} has {}, and none would be left to train on — hold fewer out",
            asked.validation.unwrap_or_default(),
            count(images, "image")
        );
        Ok(shares)
    }

    /// Whether no part is to be made.
    pub fn are_none(self) -> bool {
        self.validation + self.test == 0.0
    }

    /// The places of a part: from the first number up to the second.
    fn range(self, part: Part) -> (f64, f64) {
        let held_out = self.test + self.validation;
        match part {
            Part::Test => (0.0, self.test),
            Part::Validation => (self.test, held_out),
            Part::Train => (held_out, 1.0),
        }
    }
}

/// The parts, the one first that a class must have.
const BY_NEED: [Part; 3] = [Part::Train, Part::Test, Part::Validation];

/// The part of each of `items`. It depends on nothing but the items, the seed and the shares, and not
/// on the order of the items.
///
/// Each class has a unit in every part if it has three of its own. With fewer, as far as they go: to
/// train on first, then to test. An item that is added moves no other of a class that has units by
/// their places in every part, unless it joins two units.
pub fn assign(items: &[Item<'_>], seed: u64, shares: Shares) -> Vec<Part> {
    let (unit_of, mut units) = units(items, seed);
    for unit in &mut units {
        let is_in = |part: &Part| unit.place < shares.range(*part).1;
        let held_out = [Part::Test, Part::Validation];
        unit.part = held_out.into_iter().find(is_in).unwrap_or(Part::Train);
    }
    fill(&mut units, shares);
    unit_of.into_iter().map(|unit| units[unit].part).collect()
}

/// Items that stay together.
struct Unit {
    /// Whether the unit belongs to no group.
    is_single: bool,
    place: f64,
    labels: BTreeSet<u16>,
    part: Part,
}

/// The unit of each item, and the units.
fn units(items: &[Item<'_>], seed: u64) -> (Vec<usize>, Vec<Unit>) {
    let mut sets = Sets::new(items.len());
    let mut of_content = HashMap::new();
    let mut of_group = HashMap::new();
    for (index, item) in items.iter().enumerate() {
        sets.join(*of_content.entry(item.content).or_insert(index), index);
        if let Some(group) = item.group {
            sets.join(*of_group.entry(group).or_insert(index), index);
        }
    }
    let mut unit_of = Vec::with_capacity(items.len());
    let mut units: Vec<Unit> = Vec::new();
    let mut unit_of_set = HashMap::new();
    for (index, item) in items.iter().enumerate() {
        let (is_single, place) = match item.group {
            Some(group) => (false, place(seed, b'g', group.as_bytes())),
            None => (true, place(seed, b'c', &item.content.to_le_bytes())),
        };
        let unit = *unit_of_set.entry(sets.first(index)).or_insert(units.len());
        unit_of.push(unit);
        if unit == units.len() {
            units.push(Unit {
                is_single,
                place,
                labels: BTreeSet::new(),
                part: Part::Train,
            });
        }
        let unit = &mut units[unit];
        unit.labels.insert(item.label);
        // A group keeps its place whatever is in it; the first place of several groups is that of all.
        if (is_single, place) < (unit.is_single, unit.place) {
            (unit.is_single, unit.place) = (is_single, place);
        }
    }
    (unit_of, units)
}

fn place(seed: u64, kind: u8, bytes: &[u8]) -> f64 {
    let hash = Sha256::new().chain_update(seed.to_le_bytes());
    let hash = hash.chain_update([kind]).chain_update(bytes).finalize();
    let first = hash.iter().take(8);
    let number = first.fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    // As many bits as a number below 1 has.
    (number >> 11) as f64 / (1_u64 << 53) as f64
}

/// Moves units until each class has one in every part, as far as its units go.
fn fill(units: &mut [Unit], shares: Shares) {
    let classes = units.iter().flat_map(|unit| &unit.labels).max();
    let classes = classes.map_or(0, |&last| usize::from(last) + 1);
    let mut members = vec![Vec::new(); classes];
    let mut counts: Vec<[usize; 3]> = vec![[0; 3]; classes];
    for (index, unit) in units.iter().enumerate() {
        for &label in &unit.labels {
            members[usize::from(label)].push(index);
            counts[usize::from(label)][unit.part as usize] += 1;
        }
    }
    // A unit of several classes may make room for one of another, so that there is more than one round;
    // each move leaves a class better off and none worse.
    let mut is_done = false;
    while !is_done {
        is_done = true;
        for (class, members) in members.iter().enumerate() {
            for part in BY_NEED {
                let (start, end) = shares.range(part);
                let is_made = part == Part::Train || start < end;
                if !is_made || counts[class][part as usize] > 0 {
                    continue;
                }
                let cost = |&unit: &usize| Some((cost(&units[unit], part, shares, &counts)?, unit));
                let cheapest = members.iter().filter_map(cost);
                let cheapest = cheapest.min_by(|a, b| a.partial_cmp(b).unwrap_or(Ordering::Equal));
                if let Some((_, unit)) = cheapest {
                    move_to(part, &mut units[unit], &mut counts);
                    is_done = false;
                }
            }
        }
    }
}

/// What a move to `part` costs, least first: how many classes have no unit any more where it was, how
/// many classes it has, and how far its place is from the part's. None if a class would be worse off,
/// with a unit in a less needed part instead of a more needed one.
fn cost(
    unit: &Unit,
    part: Part,
    shares: Shares,
    counts: &[[usize; 3]],
) -> Option<(usize, usize, f64)> {
    let need = |part: Part| BY_NEED.iter().position(|other| *other == part);
    let mut emptied = 0;
    for &label in &unit.labels {
        let counts = &counts[usize::from(label)];
        if counts[unit.part as usize] == 1 {
            let is_better = counts[part as usize] == 0 && need(part) < need(unit.part);
            if !is_better {
                return None;
            }
            emptied += 1;
        }
    }
    let (start, end) = shares.range(part);
    let distance = (start - unit.place).max(unit.place - end);
    Some((emptied, unit.labels.len(), distance))
}

fn move_to(part: Part, unit: &mut Unit, counts: &mut [[usize; 3]]) {
    for &label in &unit.labels {
        let counts = &mut counts[usize::from(label)];
        counts[unit.part as usize] -= 1;
        counts[part as usize] += 1;
    }
    unit.part = part;
}

/// Sets of numbers, which are joined.
struct Sets(Vec<usize>);

impl Sets {
    /// Each number by itself.
    fn new(len: usize) -> Self {
        Self((0..len).collect())
    }

    /// The number that stands for the set of another.
    fn first(&mut self, mut index: usize) -> usize {
        while self.0[index] != index {
            self.0[index] = self.0[self.0[index]];
            index = self.0[index];
        }
        index
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.first(a), self.first(b));
        self.0[a.max(b)] = a.min(b);
    }
}

/// A pattern that tells groups of pictures by their paths.
///
/// # Errors
///
/// If it is none, or a very large one.
#[cfg(feature = "cli")]
pub fn group_pattern(pattern: &str) -> Result<regex::Regex, regex::Error> {
    const SIZE_LIMIT: usize = 1 << 20;
    let mut builder = regex::RegexBuilder::new(pattern);
    builder
        .size_limit(SIZE_LIMIT)
        .dfa_size_limit(SIZE_LIMIT)
        .build()
}

/// The group of the picture at `path`: what the pattern's first pair of parentheses matches, or all that
/// it matches if it has none. None if there is no match or an empty one: the picture is by itself.
#[cfg(feature = "cli")]
pub fn group_of(pattern: &regex::Regex, path: &str) -> Option<String> {
    let captures = pattern.captures(path)?;
    let group = captures.get(usize::from(captures.len() > 1))?.as_str();
    (!group.is_empty()).then(|| group.to_owned())
}

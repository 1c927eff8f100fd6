//! Which of several runs had the same dataset, and what each of them is called.

use super::RunData;
use crate::dataset::DatasetDigest;
use crate::dataset::digest::label;

/// The dataset of a run, as far as it is known what that holds.
struct Known<'a> {
    name: &'a str,
    /// [`DatasetDigest::all`], if the run recorded it.
    all: Option<&'a str>,
    /// [`DatasetDigest::test`], if the test images are at hand.
    test: Option<String>,
}

impl<'a> Known<'a> {
    fn of(run: &RunData<'a>) -> Self {
        let test = run
            .test
            .map(|test| DatasetDigest::of_test(&test.split.sums()));
        Self {
            name: &run.evaluation.dataset,
            all: run.config["dataset_digest"]["all"].as_str(),
            test,
        }
    }

    /// Whether they may be the same: they are if they hold the same, whatever they are called.
    fn may_be(&self, other: &Self) -> bool {
        match (self.all, other.all) {
            (Some(all), Some(others)) => all == others,
            _ => {
                let test = self.test.as_ref().zip(other.test.as_ref());
                self.name == other.name && test.is_none_or(|(test, others)| test == others)
            }
        }
    }
}

/// What the datasets of these runs are called: alike if they are the same, and differently if not.
pub fn names(runs: &[RunData]) -> Vec<String> {
    let known: Vec<Known> = runs.iter().map(Known::of).collect();
    // The runs of each dataset: first those that recorded it, then the others, each with the only ones
    // that it may belong to.
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut places: Vec<usize> = (0..runs.len()).collect();
    places.sort_by_key(|place| known[*place].all.is_none());
    for place in places {
        let may_be = |run: &usize| known[*run].may_be(&known[place]);
        let mut fitting = groups.iter_mut().filter(|group| group.iter().any(may_be));
        match (fitting.next(), fitting.next()) {
            (Some(group), None) => group.push(place),
            _ => groups.push(vec![place]),
        }
    }
    let mut names = vec![String::new(); runs.len()];
    for group in &groups {
        let name = known[group[0]].name;
        let shared = groups.iter().filter(|other| known[other[0]].name == name);
        let known = group.iter().map(|run| &known[*run]);
        let all = known.clone().find_map(|dataset| dataset.all);
        let test = known.clone().find_map(|dataset| dataset.test.as_deref());
        let name = match shared.count() {
            1 => name.to_owned(),
            _ => label(name, all.or(test)),
        };
        for run in group {
            names[*run].clone_from(&name);
        }
    }
    names
}

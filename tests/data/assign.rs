//! Which part a picture is for depends on what it is and on nothing else, and each class is in every
//! part.

use std::collections::{BTreeMap, BTreeSet};

use fmnist::dataset::assign::{Item, Shares, assign, group_of, group_pattern};
use fmnist::dataset::parts::Part;
use proptest::prelude::*;

const SHARES: Shares = Shares {
    validation: 0.1,
    test: 0.1,
};

/// A picture by itself.
fn single(label: u16, content: u128) -> Item<'static> {
    Item {
        label,
        content,
        group: None,
    }
}

/// The parts that each class is in.
fn parts_of(items: &[Item], parts: &[Part]) -> BTreeMap<u16, BTreeSet<Part>> {
    let mut found: BTreeMap<u16, BTreeSet<Part>> = BTreeMap::new();
    for (item, part) in items.iter().zip(parts) {
        found.entry(item.label).or_default().insert(*part);
    }
    found
}

/// The part of each item where its class is so large that nothing has to be moved: 300 others make it
/// so.
fn by_place(items: &[Item], seed: u64, shares: Shares) -> Vec<Part> {
    let mut all = items.to_vec();
    let labels: BTreeSet<u16> = items.iter().map(|item| item.label).collect();
    for label in labels {
        all.extend((0..300).map(|n| single(label, u128::MAX - n - 1000 * u128::from(label))));
    }
    let mut parts = assign(&all, seed, shares);
    parts.truncate(items.len());
    parts
}

/// Items of few classes, pictures and groups, so that many have something in common.
fn entangled() -> impl Strategy<Value = Vec<Item<'static>>> {
    const GROUPS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
    let group = prop_oneof![Just(None), prop::sample::select(&GROUPS[..]).prop_map(Some)];
    let item = (0_u16..4, 0_u128..30, group);
    let item = item.prop_map(|(label, content, group)| Item {
        label,
        content,
        group,
    });
    prop::collection::vec(item, 0..60)
}

/// Pictures by themselves, of few classes.
fn singles(most: usize) -> impl Strategy<Value = Vec<Item<'static>>> {
    let items = prop::collection::btree_map(0_u128..1_000_000, 0_u16..4, 0..most);
    items.prop_map(|items| {
        items
            .into_iter()
            .map(|(content, label)| single(label, content))
            .collect()
    })
}

fn some_shares() -> impl Strategy<Value = Shares> {
    let share = prop_oneof![Just(0.0), 0.1..0.45_f64];
    (share.clone(), share).prop_map(|(validation, test)| Shares { validation, test })
}

proptest! {
    // Each hashes hundreds of pictures, which takes long where it is not optimised.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_order_of_items_does_not_matter(
        (items, mixed) in entangled().prop_flat_map(|items| {
            let order: Vec<usize> = (0..items.len()).collect();
            (Just(items), Just(order).prop_shuffle())
        }),
        seed in any::<u64>(),
        shares in some_shares(),
    ) {
        let parts = assign(&items, seed, shares);
        let others: Vec<Item> = mixed.iter().map(|&index| items[index]).collect();
        let expected: Vec<Part> = mixed.iter().map(|&index| parts[index]).collect();
        prop_assert_eq!(assign(&others, seed, shares), expected);
    }

    #[test]
    fn what_belongs_together_stays_together(
        items in entangled(),
        seed in any::<u64>(),
        shares in some_shares(),
    ) {
        let parts = assign(&items, seed, shares);
        for (a, part_of_a) in items.iter().zip(&parts) {
            for (b, part_of_b) in items.iter().zip(&parts) {
                if a.content == b.content || (a.group.is_some() && a.group == b.group) {
                    prop_assert_eq!(part_of_a, part_of_b, "{:?} and {:?}", a, b);
                }
            }
        }
        for (part, share) in [(Part::Validation, shares.validation), (Part::Test, shares.test)] {
            prop_assert!(share > 0.0 || !parts.contains(&part));
        }
    }

    #[test]
    fn each_class_is_in_as_many_parts_as_it_has_pictures(
        items in singles(20),
        seed in any::<u64>(),
        shares in some_shares(),
    ) {
        let parts = assign(&items, seed, shares);
        let by_need = [(Part::Train, 1.0), (Part::Test, shares.test), (Part::Validation, shares.validation)];
        let wanted: Vec<Part> = by_need
            .into_iter()
            .filter_map(|(part, share)| (share > 0.0).then_some(part))
            .collect();
        for (label, found) in parts_of(&items, &parts) {
            let pictures = items.iter().filter(|item| item.label == label).count();
            let expected = wanted.iter().copied().take(pictures).collect();
            prop_assert_eq!(found, expected, "class {} of {}", label, pictures);
        }
    }

    /// Three classes that have at least three pictures by themselves, whatever else ties them together.
    #[test]
    fn three_pictures_by_themselves_put_a_class_in_every_part(
        mut items in entangled(),
        seed in any::<u64>(),
    ) {
        for label in 0..3_u16 {
            items.extend((0..3).map(|n| single(label, 1000 + 3 * u128::from(label) + n)));
        }
        let parts = parts_of(&items, &assign(&items, seed, SHARES));
        for label in 0..3 {
            prop_assert_eq!(parts[&label].len(), 3);
        }
    }

    /// As where few people are photographed, each with everything.
    #[test]
    fn three_groups_that_hold_all_classes_are_in_three_parts(groups in 1_usize..6, seed in any::<u64>()) {
        let names: Vec<String> = (0..groups).map(|group| format!("person {group}")).collect();
        let mut items = Vec::new();
        for (n, name) in (0..).zip(&names) {
            items.extend((0..10).map(|label| Item {
                label,
                content: 100 * n + u128::from(label),
                group: Some(name),
            }));
        }
        let parts = assign(&items, seed, SHARES);
        let by_need = [Part::Train, Part::Test, Part::Validation];
        let expected: BTreeSet<Part> = by_need.into_iter().take(groups).collect();
        for (_, found) in parts_of(&items, &parts) {
            prop_assert_eq!(&found, &expected);
        }
    }

    /// A picture stays where its place is, unless its class has none in some part by their places; then
    /// no more are moved than there are such parts.
    #[test]
    fn no_more_is_moved_than_must_be(items in singles(60), seed in any::<u64>(), shares in some_shares()) {
        let parts = assign(&items, seed, shares);
        let places = by_place(&items, seed, shares);
        let in_parts = parts_of(&items, &parts);
        for (label, in_places) in parts_of(&items, &places) {
            let of_class = items.iter().zip(parts.iter().zip(&places)).filter(|(item, _)| item.label == label);
            let moved = of_class.filter(|(_, (part, place))| part != place).count();
            let filled = in_parts[&label].difference(&in_places).count();
            prop_assert_eq!(moved, filled);
        }
    }

    /// One more picture leaves all other classes as they are, and its own where places alone put that in
    /// every part.
    #[test]
    fn a_picture_that_is_added_moves_no_other(
        items in singles(60),
        label in 0_u16..4,
        content in 1_000_000_u128..2_000_000,
        seed in any::<u64>(),
    ) {
        let parts = assign(&items, seed, SHARES);
        let more = [&[single(label, content)], &items[..]].concat();
        let after = assign(&more, seed, SHARES);
        let places = parts_of(&items, &by_place(&items, seed, SHARES));
        for ((item, before), after) in items.iter().zip(&parts).zip(&after[1..]) {
            if item.label != label || places[&label].len() == 3 {
                prop_assert_eq!(before, after);
            }
        }
    }

    /// Where the new one joins a group of a class that is in every part by places, nothing moves.
    #[test]
    fn a_group_that_grows_stays(
        items in entangled(),
        seed in any::<u64>(),
        at in any::<prop::sample::Index>(),
    ) {
        prop_assume!(!items.is_empty());
        // All classes are large.
        let mut items = items;
        let grown = items[at.index(items.len())];
        for label in 0..4 {
            items.extend((0..300).map(|n| single(label, 1000 + 300 * u128::from(label) + n)));
        }
        let before = assign(&items, seed, SHARES);
        let new = Item { content: u128::MAX, ..grown };
        items.push(if grown.group.is_some() { new } else { grown });
        let after = assign(&items, seed, SHARES);
        prop_assert_eq!(&before, &after[..before.len()]);
    }

    /// Five standard deviations are not left in a thousand million tries.
    #[test]
    fn each_class_has_its_shares(seed in any::<u64>(), validation in 0.05..0.4_f64, test in 0.05..0.4_f64) {
        const PICTURES: u32 = 1000;
        let shares = Shares { validation, test };
        let items: Vec<Item> = (0..2 * PICTURES).map(|n| single((n % 2) as u16, n.into())).collect();
        let parts = assign(&items, seed, shares);
        for label in 0..2 {
            for (part, share) in [(Part::Validation, validation), (Part::Test, test)] {
                let of_part = items.iter().zip(&parts).filter(|(item, of)| item.label == label && **of == part);
                let deviation = (f64::from(PICTURES) * share * (1.0 - share)).sqrt();
                let difference = of_part.count() as f64 - f64::from(PICTURES) * share;
                prop_assert!(difference.abs() < 6.0 * deviation, "{} of class {}", part.name(), label);
            }
        }
    }

    /// Two seeds agree about a picture as two throws of a die do.
    #[test]
    fn another_seed_is_another_split(seed in any::<u64>()) {
        let items: Vec<Item> = (0..2000).map(|n| single(0, n)).collect();
        let half = Shares { validation: 0.0, test: 0.5 };
        let one = assign(&items, seed, half);
        prop_assert_eq!(&one, &assign(&items, seed, half));
        let other = assign(&items, seed ^ 1, half);
        let agreed = one.iter().zip(&other).filter(|(a, b)| a == b).count();
        // Six deviations.
        prop_assert!(agreed.abs_diff(1000) < 134, "{}", agreed);
    }

    #[test]
    fn no_shares_are_a_panic(items in entangled(), validation in any::<f64>(), test in any::<f64>()) {
        prop_assert_eq!(assign(&items, 0, Shares { validation, test }).len(), items.len());
    }
}

/// What is written to runs must not change with the program.
#[test]
fn a_split_is_the_same_for_ever() {
    let items: Vec<Item> = (0..40).map(|n| single(0, n)).collect();
    let letters = |parts: Vec<Part>| -> String {
        let letter = |part| match part {
            Part::Train => '.',
            Part::Validation => 'v',
            Part::Test => 't',
        };
        parts.into_iter().map(letter).collect()
    };
    // Computed elsewhere: SHA-256 of eight bytes of the seed, then `c` and sixteen of the content, or `g`
    // and the group.
    assert_eq!(
        letters(assign(&items, 7, SHARES)),
        "t..v.....t.v......t....................."
    );
    let group = |n: usize| ["ann", "bob", "cat", "dan", "eve"][n % 5];
    let items: Vec<Item> = (0..40)
        .map(|n| Item {
            group: Some(group(n)),
            ..single(0, n as u128)
        })
        .collect();
    // Of these, only Dan's place is beyond a half and none from a quarter on; Bob's is next to that.
    let half = Shares {
        validation: 0.25,
        test: 0.25,
    };
    assert_eq!(letters(assign(&items[..5], 7, half)), "tvt.t");
}

#[test]
fn a_pattern_tells_groups() {
    for (pattern, path, group) in [
        ("person[0-9]+", "cat/person12_3.jpg", Some("person12")),
        ("/(\\w+?)_", "cat/ann_3.jpg", Some("ann")),
        ("^([^/]*)/(.*)$", "cat/ann_3.jpg", Some("cat")),
        ("(?i)IMG", "img_1.jpg", Some("img")),
        ("é+", "caféé", Some("éé")),
        // Nothing, or nothing to speak of.
        ("person", "cat/1.jpg", None),
        ("x*", "cat/1.jpg", None),
        ("cat|(dog)", "cat/1.jpg", None),
    ] {
        let pattern = group_pattern(pattern).unwrap();
        assert_eq!(group_of(&pattern, path).as_deref(), group, "{pattern}");
    }
    assert!(group_pattern("(").is_err());
    assert!(group_pattern("(\\w{100}){100}").is_err());
}

//! What a dataset is called that is not Fashion-MNIST: by its folder.

use std::path::{Component, Path};

use super::manifest::Manifest;
use crate::util::text::is_unprintable;

/// Words that say nothing of what is in a folder.
const EMPTY_WORDS: &str = "\
    archive binary bytes content copy data dataset datasets download downloads extracted \
    file files folder gz gzip idx image images img imgs input inputs labels main master new \
    old original out output processed raw set temp test tmp train training ubyte \
    uncompressed unpacked unzipped v version";

/// The name of another dataset: its folder's, with those above it where that says nothing
/// (`MNIST/raw`), made fit to be printed, and never that of the manifest's dataset.
pub fn of_folder(dir: &Path, manifest: &Manifest) -> String {
    let dir = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    let mut names = Vec::new();
    for component in dir.components().rev() {
        let Component::Normal(name) = component else {
            break;
        };
        let name = name.to_string_lossy().replace(is_unprintable, "\u{fffd}");
        let telling = tells(&name);
        names.insert(0, name);
        if telling {
            break;
        }
    }
    let letters = |name: &String| {
        name.replace(|c: char| !c.is_alphanumeric(), "")
            .to_lowercase()
    };
    let own = letters(&manifest.name);
    let taken = names.iter().map(letters).any(|name| {
        name == own || name.starts_with(&format!("{own}changed")) || name.starts_with("synthetic")
    });
    let name = match names.is_empty() {
        true => dir.display().to_string(),
        false => names.join("/"),
    };
    match taken {
        true => format!("{name} (another dataset)"),
        false => name,
    }
}

/// Whether a folder's name says what is in it.
fn tells(name: &str) -> bool {
    name.split(|c: char| !c.is_alphabetic())
        .map(str::to_lowercase)
        .any(|word| !word.is_empty() && !EMPTY_WORDS.split(' ').any(|empty| word == empty))
}

/// The name of the manifest's dataset with some of its files exchanged, which are called so there.
pub fn of_changed(manifest: &Manifest, files: &[&str]) -> String {
    let stem = |name: &&str| name.split("-idx").next().unwrap_or(name).to_owned();
    let files: Vec<String> = files.iter().map(stem).collect();
    format!("{} (changed: {})", manifest.name, files.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_whose_name_says_nothing_is_named_with_those_above_it() {
        let root = tempfile::tempdir().unwrap();
        for (folder, name) in [
            ("MNIST/raw", "MNIST/raw"),
            ("MNIST", "MNIST"),
            ("KMNIST/Data/raw_files (1)", "KMNIST/Data/raw_files (1)"),
            ("k49/2", "k49/2"),
            ("digits\u{1b}[31m/v2", "digits\u{fffd}[31m/v2"),
            ("my-mnist", "my-mnist"),
            ("FashionMNIST/raw", "FashionMNIST/raw (another dataset)"),
            (
                "Fashion-MNIST (changed: train-labels)",
                "Fashion-MNIST (changed: train-labels) (another dataset)",
            ),
            ("Synthetic/unpacked", "Synthetic/unpacked (another dataset)"),
        ] {
            let folder = root.path().join(folder);
            std::fs::create_dir_all(&folder).unwrap();
            assert_eq!(of_folder(&folder, &Manifest::fashion_mnist()), name);
        }
        assert_eq!(of_folder(Path::new("/"), &Manifest::fashion_mnist()), "/");
    }
}

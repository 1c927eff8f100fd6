//! Which dataset is meant by a folder or a file, and the parts that it lacks.

use std::fs;
use std::path::{Path, PathBuf};

use fmnist::dataset::manifest::Manifest;
use fmnist::dataset::{
    Dataset, DatasetChoice, Event, ImageShape, Preparation, Resize, SearchPaths, Split, load_from,
};
use fmnist::report::data_check::DataCheck;

use crate::common::idx_files::{images_file, labels_file};
use crate::common::npz_files::{Entry, npy, zip};
use crate::common::pictures::grey_png;

fn load(path: &Path, preparation: &Preparation) -> Result<(Dataset, Vec<String>), String> {
    let places = SearchPaths {
        env_dir: None,
        project_dir: PathBuf::from("nowhere"),
        cache_dir: None,
        pictures_dir: Some(path.parent().unwrap().join("cache")),
        manifest: Manifest::fashion_mnist(),
    };
    let mut said = Vec::new();
    let mut notify = |event: Event<'_>| {
        if let Event::Note(text) = event {
            said.push(text.to_owned());
        }
    };
    load_from(
        DatasetChoice::Auto,
        Some(path),
        preparation,
        &places,
        &mut notify,
    )
    .map(|dataset| (dataset, said))
    .map_err(|error| format!("{error:#}"))
}

fn sizes(data: &Dataset) -> [usize; 3] {
    let validation = data.validation.as_ref().map_or(0, Split::len);
    [data.train.len(), validation, data.test.len()]
}

/// Images of `values` bytes, each another.
fn images(count: usize, values: usize) -> Vec<u8> {
    (0..count * values)
        .map(|at| (at / values * 37 + at % values * 11) as u8)
        .collect()
}

fn write_npz(path: &Path, parts: &[(&str, usize)], keras: bool) {
    let mut entries = Vec::new();
    for &(part, count) in parts {
        let labels: Vec<u8> = (0..count).map(|nth| (nth % 3) as u8).collect();
        let (x, y) = match keras {
            true => (format!("x_{part}.npy"), format!("y_{part}.npy")),
            false => (format!("{part}_images.npy"), format!("{part}_labels.npy")),
        };
        entries.push(Entry::stored(
            &x,
            &npy("|u1", &[count, 10, 12, 3], &images(count, 360)),
        ));
        entries.push(Entry::deflated(&y, &npy("|u1", &[count, 1], &labels)));
    }
    fs::write(path, zip(&entries)).unwrap();
}

fn write_idx(folder: &Path, prefix: &str, parts: &[(&str, usize)]) {
    fs::create_dir_all(folder).unwrap();
    for &(part, count) in parts {
        let labels: Vec<u8> = (0..count).map(|nth| (nth % 4) as u8).collect();
        let write = |name: &str, bytes: Vec<u8>| {
            fs::write(folder.join(format!("{prefix}{part}-{name}")), bytes)
        };
        write("images-idx3-ubyte", images_file(&images(count, 784))).unwrap();
        write("labels-idx1-ubyte", labels_file(&labels)).unwrap();
    }
}

fn write_cifar(folder: &Path, test: bool) {
    fs::create_dir_all(folder).unwrap();
    let batch = |count: usize| -> Vec<u8> {
        let pixels = images(count, 3072);
        let records = pixels.chunks(3072).enumerate();
        records
            .flat_map(|(nth, image)| [&[(nth % 10) as u8], image].concat())
            .collect()
    };
    fs::write(folder.join("data_batch_1.bin"), batch(60)).unwrap();
    if test {
        fs::write(folder.join("test_batch.bin"), batch(20)).unwrap();
    }
}

#[test]
fn each_kind_is_known_by_what_is_there() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    let none = Preparation::default();

    fs::create_dir(at("medical")).unwrap();
    write_npz(
        &at("medical/pathmnist.npz"),
        &[("train", 60), ("val", 9), ("test", 12)],
        false,
    );
    for path in ["medical", "medical/pathmnist.npz"] {
        let (data, said) = load(&at(path), &none).unwrap();
        assert_eq!(data.name, "pathmnist");
        assert_eq!(sizes(&data), [60, 9, 12]);
        assert_eq!(data.class_names, ["class 0", "class 1", "class 2"]);
        let shape = ImageShape {
            channels: 3,
            height: 10,
            width: 12,
        };
        assert_eq!(data.train.spec.shape, shape);
        assert_eq!(data.preparation.unwrap().resize, Some(Resize::Pad));
        assert_eq!(said, [""; 0]);
    }

    // What validates is taken from the images to train on, and said.
    write_npz(&at("keras.npz"), &[("train", 90), ("test", 12)], true);
    let (data, said) = load(&at("keras.npz"), &none).unwrap();
    let [train, validation, test] = sizes(&data);
    assert_eq!((train + validation, test), (90, 12));
    assert!(validation >= 3);
    assert_eq!(
        said,
        [format!(
            "keras has no images to validate with: {validation} images of those to train on are taken"
        )]
    );

    write_cifar(&at("wrapped/cifar-10-batches-bin"), false);
    let (data, said) = load(&at("wrapped"), &none).unwrap();
    assert_eq!(data.name, "cifar-10-batches-bin");
    assert_eq!(sizes(&data).iter().sum::<usize>(), 60);
    assert!(
        sizes(&data)[1..].iter().all(|size| *size >= 10),
        "{:?}",
        sizes(&data)
    );
    let entered = "holds one folder only, “cifar-10-batches-bin”: this is read";
    assert!(said[0].ends_with(entered), "{said:?}");
    assert_eq!(said.len(), 3);

    // IDX files without their test part, and with it.
    write_idx(&at("idx"), "", &[("train", 80)]);
    let (data, _) = load(&at("idx"), &none).unwrap();
    assert_eq!(
        (sizes(&data).iter().sum::<usize>(), data.class_names.len()),
        (80, 4)
    );
    assert!(sizes(&data)[2] >= 4);
    write_idx(&at("whole"), "", &[("train", 80), ("t10k", 8)]);
    let (data, said) = load(&at("whole"), &none).unwrap();
    let [train, validation, test] = sizes(&data);
    assert_eq!((train + validation, test), (80, 8));
    assert!((4..20).contains(&validation), "{validation}");
    assert_eq!(
        said,
        [format!(
            "whole has no images to validate with: {validation} images of those to train on are taken"
        )]
    );
    // Those of earlier versions were the last ones, which training takes.
    let (data, said) = load(&at("whole"), &Preparation::of_earlier()).unwrap();
    assert_eq!((sizes(&data), said), ([80, 0, 8], Vec::new()));
}

/// Files whose labels are in order, as a script that goes from folder to folder writes them.
#[test]
fn each_class_stays_in_training_whatever_the_order() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("sorted");
    write_idx(&dir, "", &[("train", 80), ("t10k", 8)]);
    let labels: Vec<u8> = (0..80).map(|nth| nth / 20).collect();
    fs::write(dir.join("train-labels-idx1-ubyte"), labels_file(&labels)).unwrap();
    let (data, _) = load(&dir, &Preparation::default()).unwrap();
    let counts = [&data.train, data.validation.as_ref().unwrap()].map(Split::class_counts);
    assert!(counts.concat().iter().all(|count| *count > 0));
    assert!(counts[1].iter().all(|count| *count < 10), "{counts:?}");
}

#[test]
fn parts_that_are_made_are_disjoint_and_the_same_each_time() {
    let root = tempfile::tempdir().unwrap();
    write_cifar(&root.path().join("cifar"), true);
    let path = root.path().join("cifar");
    let of_seed = |seed| {
        load(
            &path,
            &Preparation {
                seed,
                ..Preparation::default()
            },
        )
        .unwrap()
        .0
    };
    let (data, again, other) = (of_seed(0), of_seed(0), of_seed(1));
    assert_eq!(data.digest, again.digest);
    assert_ne!(data.digest, other.digest);
    let validation = data.validation.unwrap();
    for index in 0..validation.len() {
        let image = validation.image(index);
        assert!((0..data.train.len()).all(|other| data.train.image(other) != image));
    }
    let asked = Preparation {
        validation: Some(30),
        ..Preparation::default()
    };
    let asked = sizes(&load(&path, &asked).unwrap().0)[1];
    assert!((18..42).contains(&asked), "{asked}");
}

/// Nothing is taken out of arrays.
#[test]
fn images_that_are_there_twice_are_told_of() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("a.npz");
    let image = |shade: u8| vec![shade; 10 * 12];
    let part = |name: &str, images: &[(u8, u8)]| {
        let pixels: Vec<u8> = images.iter().flat_map(|(shade, _)| image(*shade)).collect();
        let labels: Vec<u8> = images.iter().map(|(_, label)| *label).collect();
        [
            Entry::stored(
                &format!("x_{name}.npy"),
                &npy("|u1", &[images.len(), 10, 12], &pixels),
            ),
            Entry::stored(
                &format!("y_{name}.npy"),
                &npy("|u1", &[labels.len()], &labels),
            ),
        ]
    };
    let train = [(1, 0), (2, 1), (3, 0), (4, 1), (4, 0), (5, 0), (5, 0)];
    let entries = [
        part("train", &train),
        part("val", &[(6, 0), (7, 1)]),
        part("test", &[(8, 0), (3, 0), (7, 1)]),
    ];
    fs::write(&path, zip(&entries.concat())).unwrap();
    let (data, _) = load(&path, &Preparation::default()).unwrap();
    assert_eq!(sizes(&data), [7, 2, 3]);
    assert_eq!(
        data.warnings,
        [
            "1 image to train on is also in another part, and left in both parts:\n   \
             train image 2 (“class 0”) and test image 1 (“class 0”)",
            "1 image to validate with is also to test with, and left in both parts:\n   \
             validation image 1 (“class 1”) and test image 2 (“class 1”)",
            "1 pair of the same image has different classes, of which one must be wrong:\n   \
             train image 3 (“class 1”) and train image 4 (“class 0”)",
            "1 image is the same as another of the same class and part",
        ]
    );

    // What is the same gets into one part where parts are made.
    fs::write(&path, zip(&part("train", &[train, train].concat()))).unwrap();
    let (data, _) = load(&path, &Preparation::default()).unwrap();
    assert!(
        data.warnings
            .iter()
            .all(|text| !text.contains("another part")),
        "{:?}",
        data.warnings
    );
}

#[test]
fn a_class_without_images_between_others_is_warned_of() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("a.npz");
    let mut labels = [0, 2].repeat(60);
    labels.push(3);
    let shape = [labels.len(), 10, 12];
    let entries = [
        Entry::stored(
            "x_train.npy",
            &npy("|u1", &shape, &images(labels.len(), 120)),
        ),
        Entry::stored("y_train.npy", &npy("|u1", &shape[..1], &labels)),
    ];
    fs::write(&path, zip(&entries)).unwrap();
    let (data, _) = load(&path, &Preparation::default()).unwrap();
    let check = DataCheck::new(&data, &data.train, data.validation.as_ref().unwrap());
    let warnings = check.warnings;
    assert!(
        warnings.contains(
            &"no image to train on, so that nothing will be taken for it: “class 1”".to_owned()
        ),
        "{warnings:?}"
    );
    for (warning, part) in [
        ("more than 10 times as many", "“class 3” 1"),
        ("fewer than 20", ": “class 3” (1)"),
        ("no image to test with", "“class 1”, “class 3”"),
    ] {
        let warning = warnings.iter().find(|text| text.contains(warning));
        assert!(warning.unwrap().contains(part), "{warnings:?}");
    }
}

#[test]
fn several_datasets_are_listed() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("mixed");
    write_idx(&dir, "emnist-digits-", &[("train", 8), ("test", 4)]);
    write_idx(&dir, "emnist-mnist-", &[("train", 8), ("test", 4)]);
    write_npz(&dir.join("a.npz"), &[("train", 60), ("test", 9)], true);
    let error = load(&dir, &Preparation::default()).map(drop).unwrap_err();
    let lines: Vec<&str> = error.lines().collect();
    assert!(
        lines[0].ends_with("mixed holds more than one dataset — name the one that is meant:"),
        "{error}"
    );
    for (line, part) in lines[1..].iter().zip([
        "IDX files of emnist-digits",
        "IDX files of emnist-mnist",
        "an NPZ file",
    ]) {
        assert!(line.contains(part), "{line}");
    }
    assert_eq!(lines.len(), 4);
    // Each is taken by the file that the list names.
    let named = lines[1].rsplit(' ').next().unwrap();
    let (data, _) = load(Path::new(named), &Preparation::default()).unwrap();
    assert_eq!(data.name, "emnist-digits");
    assert_eq!(data.test.len(), 4);
}

#[test]
fn what_is_no_dataset_is_told_what_is_expected() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    fs::create_dir(at("empty")).unwrap();
    let error = load(&at("empty"), &Preparation::default())
        .map(drop)
        .unwrap_err();
    assert!(
        error.contains("holds no dataset") && error.contains("cat/   a.jpg"),
        "{error}"
    );
    fs::write(at("notes.txt"), "text").unwrap();
    let error = load(&at("notes.txt"), &Preparation::default())
        .map(drop)
        .unwrap_err();
    assert!(
        error.contains("notes.txt is no file of a dataset that is read"),
        "{error}"
    );
    // Pictures without folders of classes.
    fs::create_dir(at("flat")).unwrap();
    fs::write(at("flat/a.png"), grey_png(8, 8, &[1; 64])).unwrap();
    let error = load(&at("flat"), &Preparation::default())
        .map(drop)
        .unwrap_err();
    assert!(error.contains("a folder for each class"), "{error}");
}

#[test]
fn images_that_no_model_is_trained_on_are_refused_when_they_are_read() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("a.npz");
    let write = |shape: [usize; 2], classes: u8| {
        let pixels = images(60, shape[0] * shape[1]);
        let labels: Vec<u8> = (0..60).map(|nth| nth % classes).collect();
        let entries = [
            Entry::stored(
                "x_train.npy",
                &npy("|u1", &[60, shape[0], shape[1]], &pixels),
            ),
            Entry::stored("y_train.npy", &npy("|u1", &[60], &labels)),
        ];
        fs::write(&path, zip(&entries)).unwrap();
        load(&path, &Preparation::default()).map(drop).unwrap_err()
    };
    assert!(write([300, 20], 3).contains("a has images of 300×20 pixels; sides of 8 to 256"));
    assert!(write([20, 4], 3).contains("sides of 8 to 256"));
    assert!(write([10, 10], 1).contains("a has images of one class only"));
}

#[test]
fn classes_that_nothing_teaches_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("a.npz");
    let array = |name: &str, shape: &[usize], bytes: &[u8]| {
        Entry::stored(&format!("{name}.npy"), &npy("|u1", shape, bytes))
    };
    // Class 1 is there to test with only; nobody has class 2.
    let entries = [
        array("x_train", &[6, 8, 8], &images(6, 64)),
        array("y_train", &[6], &[0, 3, 0, 3, 0, 3]),
        array("x_test", &[3, 8, 8], &images(3, 64)),
        array("y_test", &[3], &[1, 3, 1]),
    ];
    fs::write(&path, zip(&entries)).unwrap();
    let error = load(&path, &Preparation::default()).map(drop).unwrap_err();
    let expected = "a has images to validate or to test with but none to train on of “class 1” (2 images) — \
                    add some, or leave the class out";
    assert!(error.contains(expected), "{error}");
}

#[cfg(unix)]
#[test]
fn what_is_neither_a_folder_nor_a_file_is_refused() {
    let error = load(Path::new("/dev/null"), &Preparation::default())
        .map(drop)
        .unwrap_err();
    assert!(
        error.contains("/dev/null is no folder and no file"),
        "{error}"
    );
}

#[test]
fn flags_for_pictures_are_refused_for_arrays() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("a.npz");
    write_npz(&path, &[("train", 60), ("val", 9), ("test", 9)], false);
    let none = Preparation::default();
    for (preparation, part) in [
        (
            Preparation {
                image_size: Some(16),
                ..none.clone()
            },
            "--image-size is for folders of pictures",
        ),
        (
            Preparation {
                channels: Some(1),
                ..none.clone()
            },
            "--channels is for folders of pictures",
        ),
        (
            Preparation {
                group_by: Some("x".into()),
                ..none.clone()
            },
            "--group-by is for folders of pictures",
        ),
        (
            Preparation {
                validation: Some(3),
                ..none.clone()
            },
            "--validation: a says itself what to validate with",
        ),
    ] {
        let error = load(&path, &preparation).map(drop).unwrap_err();
        assert!(error.contains(part), "{error}");
    }
}

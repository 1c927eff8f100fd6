//! A folder of pictures: which files are listed, under which class and for which part, and what is
//! said of folders that are no dataset.

use std::fs;
use std::path::{Path, PathBuf};

use fmnist::dataset::folder::{self, Listing, scan, scan_labels};
use fmnist::dataset::parts::Part;
use tempfile::TempDir;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

const CLASSES: &str = "

    photos/
      cat/   a.jpg, b.jpg, …
      dog/   c.jpg, d.jpg, …";
const PARTS: &str = "

    photos/
      train/
        cat/   a.jpg, b.jpg, …
        dog/   c.jpg, d.jpg, …
      test/
        cat/   e.jpg, …
        dog/   f.jpg, …";
const LABELS: &str = "

    path,label,split
    images/a.jpg,cat,train
    images/b.jpg,dog,test";

/// A folder with `files` (paths that end in `/` are those of folders); each begins like a PNG.
fn folder(files: &[&str]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    add(dir.path(), files);
    dir
}

fn add(dir: &Path, files: &[&str]) {
    for file in files {
        write(&dir.join(file), PNG, file.ends_with('/'));
    }
}

fn write(path: &Path, bytes: &[u8], is_folder: bool) {
    let folder = if is_folder {
        path
    } else {
        path.parent().unwrap()
    };
    fs::create_dir_all(folder).unwrap();
    if !is_folder {
        fs::write(path, bytes).unwrap();
    }
}

/// `part class path` of each file.
fn lines(listing: &Listing) -> Vec<String> {
    let files = listing.files.iter().map(|file| {
        let part = file.part.map_or("-", Part::name);
        let class = &listing.class_names[usize::from(file.label)];
        let path = file.path.to_str().unwrap().replace('\\', "/");
        assert!(listing.root.join(&file.path).is_file());
        format!("{part} {class} {path}")
    });
    files.collect()
}

fn ignored(listing: &Listing) -> Vec<(&str, usize)> {
    let ignored = listing.ignored.iter();
    ignored.map(|(what, n)| (what.as_str(), *n)).collect()
}

/// The error of a folder, which is called DIR in it.
fn error(dir: &Path) -> String {
    told(scan(dir).unwrap_err(), dir)
}

fn told(error: anyhow::Error, dir: &Path) -> String {
    format!("{error:#}").replace(dir.to_str().unwrap(), "DIR")
}

#[track_caller]
fn assert_error(files: &[&str], expected: &str) {
    let dir = folder(files);
    assert_eq!(error(dir.path()), expected);
}

#[test]
fn classes_are_in_natural_order_and_so_are_files() {
    let dir = folder(&[
        "10/1.png",
        "10/2.png",
        "2/10.jpg",
        "2/9.jpg",
        "2/more/1.jpg",
        "2/1.JPG",
        "1/a.webp",
        "1/B.gif",
        "Zebra/a.tif",
        "Zebra/b.bmp",
        "ape/a.jpeg",
        "ape/b.heic",
    ]);
    let listing = scan(dir.path()).unwrap();
    assert_eq!(listing.class_names, ["1", "2", "10", "ape", "Zebra"]);
    assert_eq!(
        (listing.root.as_path(), &listing.entered),
        (dir.path(), &None)
    );
    assert!(listing.given.is_empty() && listing.ignored.is_empty());
    assert_eq!(
        lines(&listing),
        [
            "- 1 1/a.webp",
            "- 1 1/B.gif",
            "- 2 2/1.JPG",
            "- 2 2/9.jpg",
            "- 2 2/10.jpg",
            "- 2 2/more/1.jpg",
            "- 10 10/1.png",
            "- 10 10/2.png",
            "- ape ape/a.jpeg",
            "- ape ape/b.heic",
            "- Zebra Zebra/a.tif",
            "- Zebra Zebra/b.bmp",
        ]
    );
}

#[test]
fn parts_have_many_names() {
    use Part::{Test, Train, Validation};
    for (names, given) in [
        (
            &["train", "val", "test"][..],
            &[Train, Validation, Test][..],
        ),
        (&["TRAIN", "Valid", "Tests"], &[Train, Validation, Test]),
        (
            &["Training", "validation", "testing"],
            &[Train, Validation, Test],
        ),
        (&["trains", "dev"], &[Train, Validation]),
        (&["train", "Test"], &[Train, Test]),
        (&["train"], &[Train]),
    ] {
        let dir = tempfile::tempdir().unwrap();
        for name in names {
            add(
                &dir.path().join(name),
                &["cat/1.jpg", "cat/2.jpg", "dog/x/1.jpg", "dog/2.jpg"],
            );
        }
        let listing = scan(dir.path()).unwrap();
        assert_eq!(listing.given, given, "{names:?}");
        assert_eq!(listing.class_names, ["cat", "dog"]);
        assert_eq!(
            (&listing.root, &listing.entered),
            (&dir.path().to_path_buf(), &None)
        );
        let mut expected = Vec::new();
        for (name, part) in names.iter().zip(given) {
            for file in [
                "cat cat/1.jpg",
                "cat cat/2.jpg",
                "dog dog/2.jpg",
                "dog dog/x/1.jpg",
            ] {
                let (class, path) = file.split_once(' ').unwrap();
                expected.push(format!("{} {class} {name}/{path}", part.name()));
            }
        }
        assert_eq!(lines(&listing), expected);
    }
}

#[test]
fn a_class_may_lack_pictures_where_it_is_not_learnt() {
    let dir = folder(&[
        "train/a/1.jpg",
        "train/a/2.jpg",
        "train/b/1.jpg",
        "test/b/1.jpg",
        "test/a/",
        "val/",
    ]);
    add(dir.path(), &["test/c/"]);
    let listing = scan(dir.path()).unwrap();
    assert_eq!(listing.given, [Part::Train, Part::Test]);
    let expected = [
        "train a train/a/1.jpg",
        "train a train/a/2.jpg",
        "train b train/b/1.jpg",
        "test b test/b/1.jpg",
    ];
    assert_eq!(lines(&listing), expected);
}

#[test]
fn one_wrapping_folder_is_entered() {
    let dir = folder(&[
        "my\u{1b}pictures/cat/1.jpg",
        "my\u{1b}pictures/cat/2.jpg",
        "__MACOSX/cat/._1.jpg",
    ]);
    add(
        dir.path(),
        &[
            "my\u{1b}pictures/dog/1.jpg",
            "my\u{1b}pictures/dog/2.jpg",
            ".git/a.png",
        ],
    );
    fs::write(dir.path().join("README"), "words").unwrap();
    let listing = scan(dir.path()).unwrap();
    assert_eq!(listing.entered.as_deref(), Some("my pictures"));
    assert_eq!(listing.root, dir.path().join("my\u{1b}pictures"));
    assert_eq!(
        lines(&listing),
        [
            "- cat cat/1.jpg",
            "- cat cat/2.jpg",
            "- dog dog/1.jpg",
            "- dog dog/2.jpg"
        ]
    );
    let expected = [
        ("files that are no pictures", 1),
        ("hidden files and folders", 1),
        ("files of the operating system", 1),
    ];
    assert_eq!(ignored(&listing), expected);

    // With parts in it, even under the name of a part.
    for name in ["data", "training"] {
        let dir = tempfile::tempdir().unwrap();
        for part in ["train", "test"] {
            add(
                &dir.path().join(name).join(part),
                &["cat/1.jpg", "dog/1.jpg"],
            );
        }
        let listing = scan(dir.path()).unwrap();
        assert_eq!(listing.entered.as_deref(), Some(name));
        assert_eq!(listing.given, [Part::Train, Part::Test]);
        assert_eq!(lines(&listing)[0], "train cat train/cat/1.jpg");
    }
}

#[test]
fn what_is_no_picture_of_a_class_is_passed_over_and_counted() {
    let dir = folder(&[
        "cat/1.jpg",
        "cat/2.jpg",
        "dog/1.jpg",
        "dog/no-ending",
        "loose.png",
        "cat/._1.jpg",
        "cat/.hidden.png",
        "cat/.ipynb_checkpoints/1.jpg",
        "cat/Thumbs.db",
        "dog/DESKTOP.INI",
        "__MACOSX/dog/1.jpg",
        ".DS_Store",
        "run/accuracy.png",
        "run/config.json",
        "run/history.csv",
        "dog/runs/config.json",
        "dog/runs/runs.json",
        "dog/runs/a.png",
        "dog/with-config/config.json",
        "dog/with-config/a.png",
    ]);
    let write = |name: &str, bytes: &[u8]| write(&dir.path().join(name), bytes, false);
    write("README.md", b"words");
    write("cat/labels.csv", b"a,b");
    write("dog/with-config/config.json", b"{}");
    // Whether it can be read is seen later.
    write("cat/broken.png", b"words");
    write("cat/empty.jpeg", b"");
    let listing = scan(dir.path()).unwrap();
    assert_eq!(
        lines(&listing),
        [
            "- cat cat/1.jpg",
            "- cat cat/2.jpg",
            "- cat cat/broken.png",
            "- cat cat/empty.jpeg",
            "- dog dog/1.jpg",
            "- dog dog/no-ending",
            "- dog dog/with-config/a.png",
        ]
    );
    assert_eq!(
        ignored(&listing),
        [
            ("files that are no pictures", 3),
            ("pictures outside of class folders", 1),
            ("hidden files and folders", 4),
            ("files of the operating system", 3),
            ("run folders of this program", 2),
        ]
    );

    // Beside and in the folders of parts.
    let parts = folder(&[
        "train/cat/1.jpg",
        "train/dog/1.jpg",
        "train/a.jpg",
        "test/cat/1.jpg",
        "test/dog/1.jpg",
    ]);
    add(
        parts.path(),
        &["unlabelled/1.jpg", "unlabelled/2.jpg", "a.jpg"],
    );
    let listing = scan(parts.path()).unwrap();
    assert_eq!(listing.files.len(), 4);
    assert_eq!(
        ignored(&listing),
        [("pictures outside of class folders", 4)]
    );
}

#[test]
fn a_class_may_be_called_like_a_part() {
    let dir = folder(&[
        "bus/1.jpg",
        "bus/2.jpg",
        "train/1.jpg",
        "train/2.jpg",
        "train/more/3.jpg",
    ]);
    let listing = scan(dir.path()).unwrap();
    assert_eq!(listing.class_names, ["bus", "train"]);
    assert!(listing.given.is_empty());
    let dir = folder(&[
        "train/bus/1.jpg",
        "train/train/1.jpg",
        "test/bus/1.jpg",
        "test/train/1.jpg",
    ]);
    let listing = scan(dir.path()).unwrap();
    assert_eq!(listing.class_names, ["bus", "train"]);
    assert_eq!(listing.given, [Part::Train, Part::Test]);
}

#[cfg(unix)]
#[test]
fn links_to_files_are_followed_and_others_are_not() {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;
    let elsewhere = folder(&["far.png", "folder/1.png"]);
    let dir = folder(&["cat/1.jpg", "cat/2.jpg", "dog/1.jpg", "dog/2.jpg"]);
    let at = |name: &str| dir.path().join(name);
    symlink(elsewhere.path().join("far.png"), at("cat/link.png")).unwrap();
    symlink(elsewhere.path().join("far.png"), at("cat/link")).unwrap();
    symlink(elsewhere.path().join("folder"), at("cat/folder")).unwrap();
    symlink("..", at("dog/up")).unwrap();
    symlink(".", at("round")).unwrap();
    symlink("itself.png", at("dog/itself.png")).unwrap();
    symlink("gone", at("dog/gone.jpg")).unwrap();
    symlink("/dev/zero", at("dog/device.jpg")).unwrap();
    let made = std::process::Command::new("mkfifo")
        .arg(at("cat/pipe.png"))
        .status();
    assert!(made.unwrap().success());
    let _socket = UnixListener::bind(at("cat/socket")).unwrap();
    let listing = scan(dir.path()).unwrap();
    assert_eq!(
        lines(&listing),
        [
            "- cat cat/1.jpg",
            "- cat cat/2.jpg",
            "- cat cat/link",
            "- cat cat/link.png",
            "- dog dog/1.jpg",
            "- dog dog/2.jpg",
        ]
    );
    assert_eq!(
        ignored(&listing),
        [
            ("links to folders", 3),
            ("links to nothing", 2),
            ("pipes, sockets and devices", 3)
        ]
    );
    // The folder itself may be a link.
    let link = elsewhere.path().join("link");
    symlink(dir.path(), &link).unwrap();
    assert_eq!(scan(&link).unwrap().files, listing.files);
}

#[cfg(target_os = "linux")]
#[test]
fn names_may_be_any_bytes_and_are_shown_clean() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let dir = tempfile::tempdir().unwrap();
    let long = "x".repeat(255);
    let names: [&[u8]; 7] = [
        b"a\x01b",
        b"a\x1bb",
        b"a b (2)",
        b"b\xff",
        b"b\xfe",
        "\u{1f600}\u{202e}".as_bytes(),
        long.as_bytes(),
    ];
    for name in names {
        let class = dir.path().join(OsStr::from_bytes(name));
        for file in [&b"1\n.jpg"[..], b"\xe9.png"] {
            write(&class.join(OsStr::from_bytes(file)), PNG, false);
        }
    }
    let listing = scan(dir.path()).unwrap();
    let shown = [
        "a b",
        "a b (2)",
        "a b (2) (2)",
        "b\u{fffd}",
        "b\u{fffd} (2)",
        &long,
        "\u{1f600} ",
    ];
    assert_eq!(listing.class_names, shown);
    assert_eq!(listing.files.len(), 14);
    // Each is in the folder of its class, as the bytes are.
    let classes: [&[u8]; 7] = [
        names[0], names[1], names[2], names[4], names[3], names[6], names[5],
    ];
    for file in &listing.files {
        let class = file.path.iter().next().unwrap();
        assert_eq!(class.as_bytes(), classes[usize::from(file.label)]);
        assert!(listing.root.join(&file.path).is_file());
    }
}

#[test]
fn a_folder_without_pictures_is_no_dataset() {
    let advice = format!(" — make a folder for each class and put its pictures there:{CLASSES}");
    assert_error(&[], &format!("DIR holds no picture: it is empty{advice}"));
    assert_error(
        &["cat/", "dog/"],
        &format!("DIR holds no picture, only empty folders (2){advice}"),
    );
    let dir = folder(&[".hidden/1.jpg"]);
    fs::write(dir.path().join("a.txt"), "words").unwrap();
    let expected = format!(
        "DIR holds no picture, only files that are no pictures (1), hidden files and folders (1){advice}"
    );
    assert_eq!(error(dir.path()), expected);

    let gone = dir.path().join("gone");
    let message = error(&gone);
    assert!(
        message.starts_with("DIR cannot be read — check its name and whether you may read it: "),
        "{message}"
    );
}

#[test]
fn pictures_must_be_in_class_folders() {
    let advice = " but no class folders — make a folder for each class and put its pictures there, or \
                  list each picture with its class in a CSV file and name that by --labels:";
    assert_error(
        &["1.jpg", "2.jpg"],
        &format!("DIR holds 2 pictures{advice}{CLASSES}"),
    );
    assert_error(
        &["1.jpg", "empty/"],
        &format!("DIR holds 1 picture{advice}{CLASSES}"),
    );
    let flat = ["train/1.jpg", "test/2.jpg"];
    assert_error(&flat, &format!("DIR/train holds 1 picture{advice}{PARTS}"));
    let half = ["train/cat/1.jpg", "train/dog/1.jpg", "test/2.jpg"];
    assert_error(&half, &format!("DIR/test holds 1 picture{advice}{PARTS}"));
}

#[test]
fn there_must_be_two_classes() {
    let one = |place: &str, class: &str, pictures: &str, tree: &str| {
        format!(
            "{place} has one class, {class} ({pictures}), and two are needed at least — add another, or \
             name the folder that the class folders are in:{tree}"
        )
    };
    assert_error(
        &["cat/1.jpg", "cat/2.jpg"],
        &one("DIR", "cat", "2 pictures", CLASSES),
    );
    // Pictures beside folders: these are not classes.
    let with_folders = ["cat/1.jpg", "cat/old/1.jpg", "cat/new/2.jpg"];
    assert_error(&with_folders, &one("DIR", "cat", "3 pictures", CLASSES));
    assert_error(
        &["a.jpg", "x/cat/1.jpg", "x/dog/1.jpg"],
        &one("DIR", "x", "2 pictures", CLASSES),
    );
    // One wrapping folder, not two.
    assert_error(
        &["a/b/cat/1.jpg", "a/b/dog/1.jpg"],
        &one("DIR/a", "b", "2 pictures", CLASSES),
    );
    assert_error(
        &["train/cat/1.jpg", "test/cat/1.jpg"],
        &one("DIR", "cat", "2 pictures", PARTS),
    );
}

#[cfg(unix)]
#[test]
fn a_class_that_is_a_link_is_told_of_where_one_is_missing() {
    let dir = folder(&["photos/cat/1.jpg", "photos/cat/2.jpg", "dogs/1.jpg"]);
    let photos = dir.path().join("photos");
    std::os::unix::fs::symlink(dir.path().join("dogs"), photos.join("dog")).unwrap();
    let message = error(&photos);
    let expected = "cat (2 pictures) beside links to folders (1), which are not followed, and two";
    assert!(message.contains(expected), "{message}");
}

#[test]
fn each_class_must_have_pictures_enough() {
    let advice = " — give each class three pictures or more, at least one to train on, or leave the class out:";
    assert_error(
        &["cat/1.jpg", "cat/2.jpg", "dog/"],
        &format!("DIR has 1 class without a picture: dog{advice}{CLASSES}"),
    );
    let dir = folder(&["cat/1.jpg", "cat/2.jpg", "fox/1.jpg"]);
    for n in 1..=12 {
        add(dir.path(), &[&format!("empty {n}/")]);
    }
    write(&dir.path().join("empty 2/a.txt"), b"words", false);
    assert_eq!(
        error(dir.path()),
        format!(
            "DIR has 12 classes without a picture: empty 1, empty 2, empty 3, empty 4, empty 5 and 7 more; \
             1 class of a single picture: fox{advice}{CLASSES}"
        )
    );
    // All parts count, but one picture must be to train on.
    let dir = folder(&[
        "train/cat/1.jpg",
        "train/dog/1.jpg",
        "test/cat/1.jpg",
        "test/dog/1.jpg",
    ]);
    scan(dir.path()).unwrap();
    add(
        dir.path(),
        &[
            "test/owl/1.jpg",
            "test/owl/2.jpg",
            "val/owl/1.jpg",
            "train/fox/1.jpg",
            "test/emu/1.jpg",
        ],
    );
    add(dir.path(), &["train/emu/", "train/yak/", "test/ant/"]);
    assert_eq!(
        error(dir.path()),
        format!(
            "DIR has 1 class without a picture: yak; 1 class of a single picture: fox; 2 classes with \
             no picture to train on: emu (1 in test), owl (1 in validation, 2 in test){advice}{PARTS}"
        )
    );
    let alike = [
        "train/cat/1.jpg",
        "train/cat/2.jpg",
        "train/dog/1.jpg",
        "train/dog/2.jpg",
        "test/Cat/1.jpg",
        "test/dog/3.jpg",
    ];
    assert_error(
        &alike,
        &format!(
            "DIR has 1 class with no picture to train on: Cat (1 in test, cat is another class){advice}{PARTS}"
        ),
    );
}

#[test]
fn parts_must_be_clear() {
    let none = |folders: &str| {
        format!(
            "DIR has pictures in {folders} but none in a folder named train — put those to train on there, \
             or all into class folders without parts:{PARTS}"
        )
    };
    assert_error(&["Val/cat/1.jpg", "test/dog/1.jpg"], &none("Val, test"));
    assert_error(
        &["test/cat/1.jpg", "test/dog/1.jpg", "train/cat/"],
        &none("test"),
    );
    // Those to test with would become a class.
    assert_error(&["cat/1.jpg", "dog/1.jpg", "test/1.jpg"], &none("test"));
    assert_error(
        &["train/cat/1.jpg", "val/cat/1.jpg", "dev/cat/1.jpg"],
        &format!(
            "DIR has two folders for the validation part: dev, val — keep one of them:{PARTS}"
        ),
    );
    assert_error(
        &[
            "train/steam/1.jpg",
            "train/diesel/1.jpg",
            "bus/1.jpg",
            "car/1.jpg",
        ],
        &format!(
            "DIR/train holds folders of pictures, so that train may be a class beside bus, car or all there \
             is to train on — move one of them away:{PARTS}"
        ),
    );
}

#[test]
fn there_are_at_most_1000_classes() {
    let dir = tempfile::tempdir().unwrap();
    for class in 0..1000 {
        add(
            dir.path(),
            &[&format!("{class}/1.png"), &format!("{class}/2.png")],
        );
    }
    let listing = scan(dir.path()).unwrap();
    assert_eq!(listing.class_names.len(), 1000);
    let last = listing.files.last().unwrap();
    assert_eq!(
        (last.label, last.path.as_path()),
        (999, &*Path::new("999").join("2.png"))
    );
    add(dir.path(), &["1000/1.png"]);
    assert_eq!(
        error(dir.path()),
        format!(
            "DIR has 1,001 classes (0, 1, 2, 3, 4 and 996 more); at most 1,000 are told apart — name \
             the folder whose folders are the classes:{CLASSES}"
        )
    );
}

#[test]
fn folders_that_lie_very_deep_end_in_an_error_that_names_one() {
    let dir = folder(&["cat/1.jpg", "cat/2.jpg", "dog/1.jpg"]);
    let deep: PathBuf = ["a"; 98].iter().collect();
    let deep = dir.path().join("dog").join(deep);
    write(&deep.join("b/1.jpg"), PNG, false);
    assert_eq!(scan(dir.path()).unwrap().files.len(), 4);
    write(&deep.join("b/c/1.jpg"), PNG, false);
    let message = error(dir.path());
    assert!(message.starts_with("DIR/dog/a/a/"), "{message}");
    assert!(
        message.ends_with("/a/b/c lies more than 100 folders deep — move its pictures up"),
        "{message}"
    );
}

/// Its path is longer than the system takes.
#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_cannot_be_read_is_an_error_that_names_it() {
    let dir = folder(&["cat/1.jpg", "cat/2.jpg"]);
    let script = "n=$(printf %0200d 0); for i in $(seq 30); do mkdir $n && cd $n; done";
    let made = std::process::Command::new("bash")
        .args(["-c", script])
        .current_dir(dir.path().join("cat"))
        .status();
    assert!(made.unwrap().success());
    let message = error(dir.path());
    assert!(message.starts_with("DIR/cat/000"), "{message}");
    assert!(
        message.contains(" cannot be read — check its name and whether you may read it: "),
        "{message}"
    );
}

#[test]
fn a_dataset_is_recognised() {
    for (files, expected) in [
        (&["cat/1.jpg"][..], true),
        (&["train/cat/no-ending"], true),
        (&["1.jpg", "2.jpg"], false),
        (&["cat/", ".git/1.jpg"], false),
        (&["run/config.json", "run/.lock", "run/loss.png"], false),
        (&[], false),
    ] {
        assert_eq!(folder::is_in(folder(files).path()), expected, "{files:?}");
    }
    assert!(!folder::is_in(Path::new("/there/is/no/such/folder")));
    let many = tempfile::tempdir().unwrap();
    for n in 0..100 {
        write(&many.path().join(format!("a/{n}.txt")), b"words", false);
    }
    assert!(!folder::is_in(many.path()));
    add(many.path(), &["b/c/d/1.jpg"]);
    assert!(folder::is_in(many.path()));
}

#[test]
fn parts_within_classes_are_warned_of() {
    let dir = tempfile::tempdir().unwrap();
    let files = ["a/1.jpg", "a/2.jpg", "b/train/1.jpg", "b/more/2.jpg"];
    add(dir.path(), &files);
    let listing = folder::scan(dir.path()).unwrap();
    assert_eq!(listing.warning, None);
    add(dir.path(), &["b/Valid/2.jpg"]);
    let listing = folder::scan(dir.path()).unwrap();
    assert_eq!(listing.class_names, ["a", "b"]);
    let warning = listing.warning.expect("two parts in one class");
    let named = dir.path().join("b").display().to_string();
    for expected in ["the class b", "(train, Valid)", &named] {
        assert!(warning.contains(expected), "{warning}");
    }
}

/// A folder `photos` with pictures, and a CSV file beside it.
struct Labels {
    dir: TempDir,
}

impl Labels {
    fn new(files: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        add(&dir.path().join("photos"), files);
        Self { dir }
    }

    fn scan_at(&self, csv: &str, text: &[u8]) -> anyhow::Result<Listing> {
        let path = self.dir.path().join(csv);
        write(&path, text, false);
        scan_labels(&self.dir.path().join("photos"), &path)
    }

    fn scan(&self, text: &str) -> Listing {
        self.scan_at("l.csv", text.as_bytes()).unwrap()
    }

    #[track_caller]
    fn assert_error(&self, text: &str, expected: &str) {
        let error = self.scan_at("l.csv", text.as_bytes()).unwrap_err();
        assert_eq!(told(error, self.dir.path()), expected);
    }
}

const FOUR: [&str; 4] = ["a/1.jpg", "a/2.jpg", "a/3.jpg", "a/4.jpg"];

#[test]
fn a_csv_file_tells_classes_where_folders_do_not() {
    let labels = Labels::new(&FOUR);
    let expected = ["- 2 a/1.jpg", "- 2 a/4.jpg", "- 10 a/2.jpg", "- 10 a/3.jpg"];
    for text in [
        "path,label\na/1.jpg,2\na/2.jpg,10\na/3.jpg,10\na/4.jpg,2\n",
        "\u{feff}Label,more,PATH\r\n2,x,a/1.jpg\r\n\
         10,,a\\2.jpg\r\n10,,./a//3.jpg\r\n\"2\",\"a,b\nc\",\"a/4.jpg\"",
        "path , label, split\n a/1.jpg, 2,\na/2.jpg,10,\na/3.jpg,10,\na/4.jpg,2 ,",
        "path;label\na/1.jpg;2\na/2.jpg;10\na/3.jpg;10\na/4.jpg;2\n",
        "path\tlabel\na/1.jpg\t2\na/2.jpg\t10\na/3.jpg\t10\na/4.jpg\t2\n",
        // From the CSV file's folder, of which the pictures' is one.
        "path,label\nphotos/a/1.jpg,2\nphotos\\a\\2.jpg,10\na/3.jpg,10\nphotos/a/4.jpg,2\n",
    ] {
        let listing = labels.scan(text);
        assert_eq!(listing.class_names, ["2", "10"]);
        assert_eq!(lines(&listing), expected);
        assert!(
            listing.given.is_empty() && listing.ignored.is_empty() && listing.entered.is_none()
        );
    }
    // A file within the folder of pictures.
    let text = b"path,label\n1.jpg,2\na/2.jpg,10\n3.jpg,10\n4.jpg,2\n";
    let listing = labels.scan_at("photos/a/labels.csv", text).unwrap();
    assert_eq!(lines(&listing), expected);
    // By whole paths.
    let folder = labels.dir.path().canonicalize().unwrap().join("photos");
    let rows = [("1", 2), ("2", 10), ("3", 10), ("4", 2)].map(|(name, class)| {
        let path = folder.join(format!("a/{name}.jpg"));
        format!("{},{class}\n", path.display())
    });
    let listing = labels.scan(&format!("path,label\n{}", rows.concat()));
    assert_eq!(lines(&listing), expected);
    // The folder by another way.
    let way = labels.dir.path().join("photos/../photos");
    let listing = scan_labels(&way, &labels.dir.path().join("l.csv")).unwrap();
    assert_eq!(lines(&listing), expected);
}

#[test]
fn a_csv_file_may_tell_the_parts_too() {
    let labels = Labels::new(&["1.jpg", "2.jpg", "3.jpg", "4", "5.jpg"]);
    let text = "path,label,Split\n1.jpg,cat,Train\n2.jpg,dog,training\n3.jpg,cat,DEV\n4,dog,test\n\
                5.jpg,dog,tests\n3.jpg,cat,val\n";
    let listing = labels.scan(text);
    assert_eq!(
        lines(&listing),
        [
            "train cat 1.jpg",
            "train dog 2.jpg",
            "validation cat 3.jpg",
            "test dog 4",
            "test dog 5.jpg"
        ]
    );
    assert_eq!(listing.given, Part::ALL);
    assert_eq!(ignored(&listing), [("lines that repeat another", 1)]);
    let text = "path,label,split\n1.jpg,cat,train\n2.jpg,dog,train\n3.jpg,cat,test\n4,dog,test\n";
    assert_eq!(labels.scan(text).given, [Part::Train, Part::Test]);
}

#[test]
fn a_csv_file_that_lists_no_dataset_is_an_error() {
    let labels = Labels::new(&FOUR);
    let columns = |first: &str| {
        format!(
            "DIR/l.csv has no columns `path` and `label`: its first line is `{first}` — name the \
             columns there, separated by commas:{LABELS}"
        )
    };
    labels.assert_error("", &columns(""));
    labels.assert_error("path|label\na|b\n", &columns("path|label"));
    labels.assert_error("\u{1b}[2J,label\na,b\n", &columns(" [2J,label"));
    let nothing = format!("DIR/l.csv lists no picture — add a line for each:{LABELS}");
    labels.assert_error("path,label\n\n", &nothing);
    for (line, what) in [(",cat", "path"), ("a/1.jpg, ", "label")] {
        let expected =
            format!("DIR/l.csv, line 3: the {what} is empty — write one, or take the line out");
        labels.assert_error(&format!("path,label\na/2.jpg,dog\n{line}\n"), &expected);
    }
    labels.assert_error(
        "path,label\na/1.jpg,cat\na/2.jpg,dog,small\n",
        "DIR/l.csv, line 3, has 3 cells where the first line has 2 — put text that has commas in double quotes",
    );
    labels.assert_error(
        "path,label,split\na/1.jpg,cat,train\na/2.jpg,dog,tr\u{7}ain set\n",
        "DIR/l.csv, line 3: the split is `tr ain set` — write train, validation or test",
    );
    labels.assert_error(
        "path,label,split\na/1.jpg,cat,\na/2.jpg,dog,train\n",
        "DIR/l.csv tells the split of line 3 but not of line 2 — fill in the column, or leave it out",
    );
    labels.assert_error(
        "path,label,split\na/1.jpg,cat,test\na/2.jpg,dog,val\n",
        &format!(
            "DIR/l.csv lists pictures but none to train on: no split is `train` — mark those, or leave \
             the column out:{LABELS}"
        ),
    );
    labels.assert_error(
        "path,label\na/1.jpg,cat\n./a/1.jpg,cat\na//1.jpg,dog\n",
        "DIR/l.csv gives a//1.jpg two labels: cat in line 3 and dog in line 4 — keep one of the lines",
    );
    labels.assert_error(
        "path,label,split\na/1.jpg,cat,train\na/1.jpg,cat,test\n",
        "DIR/l.csv gives a/1.jpg two splits: train in line 2 and test in line 3 — keep one of the lines",
    );
    for path in [
        "../photos/a/1.jpg",
        "/etc/passwd",
        "..\\photos\\a\\1.jpg",
        "a/../../x.jpg",
    ] {
        let expected = format!(
            "DIR/l.csv, line 2: {path} leads out of DIR/photos — write paths that begin there"
        );
        labels.assert_error(&format!("path,label\n{path},cat\n"), &expected);
    }
    labels.assert_error(
        "path,label\na/1.jpg,cat\nx1,a\nx2,a\nx3,b\nx4,b\nx5,b\nx6,b\na,b\n",
        "DIR/l.csv lists 7 pictures that cannot be found: x1, x2, x3, x4, x5 and 2 more — paths begin in \
         DIR/photos or in the CSV file's folder; correct them, or take the lines out",
    );
    labels.assert_error(
        "path,label\na/1.jpg,cat\na/2.jpg,dog\na/3.jpg,dog\n",
        &format!(
            "DIR/l.csv has 1 class of a single picture: cat — give each class three pictures or more, at \
             least one to train on, or leave the class out:{LABELS}"
        ),
    );
    let error = scan_labels(labels.dir.path(), labels.dir.path()).unwrap_err();
    let expected = "DIR (--labels) is not a file — name the CSV file that lists the pictures";
    assert_eq!(told(error, labels.dir.path()), expected);
}

#[test]
fn a_csv_file_of_any_length_is_not_read() {
    let labels = Labels::new(&FOUR);
    let csv = labels.dir.path().join("long.csv");
    let file = fs::File::create(&csv).unwrap();
    file.set_len((64 << 20) + 1).unwrap();
    let error = scan_labels(labels.dir.path(), &csv).unwrap_err();
    let expected =
        "DIR/long.csv (--labels) has more than 64 MiB, the most that is read — list fewer pictures";
    assert_eq!(told(error, labels.dir.path()), expected);
}

#[cfg(target_os = "linux")]
#[test]
fn paths_and_labels_in_a_csv_file_may_be_any_bytes() {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;
    let labels = Labels::new(&["x\\y.jpg", "1.jpg", "2.jpg"]);
    let name = OsString::from_vec(b"\xe9.jpg".to_vec());
    write(&labels.dir.path().join("photos").join(&name), PNG, false);
    let text = b"path,label\n\xe9.jpg,caf\xe9\nx\\y.jpg,caf\xe8\n1.jpg,caf\xe8\n2.jpg,caf\xe9\n";
    let listing = labels.scan_at("l.csv", text).unwrap();
    assert_eq!(listing.class_names, ["caf\u{fffd}", "caf\u{fffd} (2)"]);
    let files = listing.files.iter();
    let files: Vec<_> = files
        .map(|file| (file.label, file.path.clone().into_os_string()))
        .collect();
    let expected = [
        (0, "1.jpg".into()),
        (0, "x\\y.jpg".into()),
        (1, "2.jpg".into()),
        (1, name),
    ];
    assert_eq!(files, expected);
}

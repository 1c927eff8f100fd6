//! A folder with all that folders of pictures have in them, and the whole of what is said of it.
//! On Linux, whose file systems take any bytes for a name.
#![cfg(target_os = "linux")]

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;

use jpeg_encoder::{ColorType as JpegColor, Encoder};
use png::{BitDepth, ColorType};

use crate::common::pictures::{Rgb, exif, jpeg, png, png_with, rgb_png};
use crate::common::process::{assert_failure, assert_success, fmnist, folder, output, stdout};

const WIDTH: usize = 20;
const HEIGHT: usize = 24;

/// The whole table, from the classes to the last warning.
const SAID: &str = "\
photos

class      train  validation       test        all
cat           18           1          1         20
dog           41           1          2         44
owl            3           1          0          4
all           62           3          3         68

pictures    9 JPEG, 60 PNG; all of 20×24
images      64×64, in colour, each picture whole in the middle of black (--resize pad)
memory      816.00 KiB
passed over files that are no pictures (1), hidden files and folders (1), files of the operating system (1), \
links to folders (1)
1. 2 pictures cannot be read and are left out:
   Train/cat/broken.png is cut off: the last part of its PNG data is missing — copy it again
   Train/cat/empty.jpg is empty: it holds no picture at all — copy or save it again
2. 1 picture to train on is also in another part, and taken out of training:
   Train/dog/leak.png and TESTING/dog/leak.png
3. 1 pair of the same picture has different classes, of which one must be wrong:
   Train/cat/both.png and Train/dog/both.png
4. 2 pictures are the same as another of the same class and part
5. “dog” has 41 images to train on, “owl” 3: more than 10 times as many — see --class-weights
6. fewer than 20 images to train on: “cat” (18), “owl” (3)
7. only 3 images to validate with: each is worth 33.3 points of accuracy
8. only 3 images to test with: each is worth 33.3 points of accuracy
9. no image to test with: “owl”
";

/// Pictures of noise, each another.
struct Noise(u64);

impl Noise {
    fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut byte = || {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (self.0 >> 56) as u8
        };
        (0..len).map(|_| byte()).collect()
    }

    fn picture(&mut self) -> Rgb {
        Rgb {
            width: WIDTH,
            height: HEIGHT,
            pixels: (0..WIDTH * HEIGHT)
                .map(|_| self.bytes(3).try_into().expect("three"))
                .collect(),
        }
    }

    fn png(&mut self) -> Vec<u8> {
        rgb_png(&self.picture())
    }
}

fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("it can be made");
    fs::write(path, bytes).expect("it can be written");
}

fn write_messy(photos: &Path) {
    let mut noise = Noise(1);
    let cats = photos.join("Train/cat");
    for orientation in 1..=8 {
        let file = jpeg(&noise.picture(), |encoder| {
            let mark = exif(orientation);
            encoder.add_exif_metadata(&mark).expect("it is short");
        });
        write(&cats.join(format!("exif-{orientation}.jpg")), &file);
    }
    let sixteen = noise.bytes(2 * WIDTH * HEIGHT);
    let sixteen = png(
        WIDTH,
        HEIGHT,
        ColorType::Grayscale,
        BitDepth::Sixteen,
        &sixteen,
    );
    write(&cats.join("sixteen.png"), &sixteen);
    let (indices, palette) = (noise.bytes(WIDTH * HEIGHT), noise.bytes(3 * 256));
    let file = png_with(
        WIDTH,
        HEIGHT,
        ColorType::Indexed,
        BitDepth::Eight,
        &indices,
        |info| info.palette = Some(palette.into()),
    );
    write(&cats.join("palette.png"), &file);
    let mut inks = Vec::new();
    let (width, height) = (WIDTH as u16, HEIGHT as u16);
    Encoder::new(&mut inks, 90)
        .encode(
            &noise.bytes(4 * WIDTH * HEIGHT),
            width,
            height,
            JpegColor::Cmyk,
        )
        .expect("it can be encoded");
    write(&cats.join("inks.jpg"), &inks);
    write(&cats.join("really-png.JPG"), &noise.png());
    write(&cats.join("broken.png"), b"\x89PNG\r\n\x1a\n");
    write(&cats.join("empty.jpg"), b"");
    write(&cats.join(".hidden.png"), &noise.png());
    write(&cats.join("Thumbs.db"), b"x");
    write(&cats.join("notes.txt"), b"x");
    write(&cats.join("deeper/1.png"), &noise.png());
    write(
        &cats.join(OsStr::from_bytes(b"caf\xe9\x1b[31m.png")),
        &noise.png(),
    );
    let twice = noise.png();
    write(&cats.join("twice.png"), &twice);
    write(&cats.join("copy.png"), &twice);
    symlink("twice.png", cats.join("link.png")).expect("a link to a file");
    symlink("..", cats.join("loop")).expect("a link to a folder");

    let dogs = photos.join("Train/dog");
    for nth in 0..40 {
        write(&dogs.join(format!("{nth}.png")), &noise.png());
    }
    let both = noise.png();
    write(&cats.join("both.png"), &both);
    write(&dogs.join("both.png"), &both);
    for nth in 0..3 {
        write(&photos.join(format!("Train/owl/{nth}.png")), &noise.png());
    }
    for class in [
        "val/cat",
        "val/dog",
        "val/owl",
        "TESTING/cat",
        "TESTING/dog",
    ] {
        write(&photos.join(class).join("1.png"), &noise.png());
    }
    let leak = noise.png();
    write(&dogs.join("leak.png"), &leak);
    write(&photos.join("TESTING/dog/leak.png"), &leak);
}

#[test]
fn all_of_a_messy_folder_is_told() {
    let cwd = folder();
    let photos = cwd.path().join("photos");
    write_messy(&photos);
    let check = || output(fmnist(cwd.path(), &["data", "check", "photos"]));
    let checked = check();
    assert_success(&checked);
    assert_eq!(stdout(&checked), SAID);

    let foxes = photos.join("Train/fox");
    fs::create_dir(&foxes).expect("an empty class");
    assert_failure(&check(), 1, &["photos has 1 class without a picture: fox"]);
    fs::remove_dir(&foxes).expect("it is empty");

    let fox = photos.join("val/fox/1.png");
    write(&fox, &Noise(7).png());
    let untaught = "photos has 1 class with no picture to train on: fox (1 in validation)";
    assert_failure(&check(), 1, &[untaught]);
}

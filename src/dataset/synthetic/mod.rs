//! The stand-in for machines without the real data: ten classes of garments, drawn by the program.
//!
//! It is made so that training on it means something. Every image is shifted, stretched, turned a
//! little, shaded, patterned and noisy at random, and details may be lighter or darker than the
//! cloth they are on; so neighbouring classes have much the same average picture and differ in
//! structure (sleeves, collar, buttons, hem, open front). A linear classifier therefore stays far
//! below what a convolutional network reaches.
//!
//! Image `i` of a split is a function of the seed, the split and `i` alone: the first images are
//! the same however many are made, in whatever order, on whatever platform.

mod garments;
mod shoes;
mod tones;
mod tops;

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rayon::prelude::*;

use super::raster::{Canvas, Transform};
use super::{
    CLASSES, Dataset, DatasetDigest, FASHION_MNIST_CLASSES, FASHION_MNIST_SPEC, PIXELS, SIDE, Split,
};
use tones::Tones;

/// The dataset's name in every table, title and file.
pub const NAME: &str = "synthetic (stand-in)";

const TRAIN_IMAGES: usize = 60_000;
const TEST_IMAGES: usize = 10_000;
/// The stand-in is one fixed dataset, so that results on it can be compared.
const SEED: u64 = 0;

/// Which part of the dataset an image belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// For training.
    Train,
    /// For testing.
    Test,
}

/// The whole stand-in: 60,000 images to train on and 10,000 to test with.
pub fn dataset() -> Dataset {
    let train = split(SEED, Part::Train, TRAIN_IMAGES);
    let test = split(SEED, Part::Test, TEST_IMAGES);
    Dataset {
        name: NAME.to_owned(),
        class_names: FASHION_MNIST_CLASSES.map(str::to_owned).to_vec(),
        digest: DatasetDigest::new(&train.sums(), None, &test.sums()),
        preparation: None,
        inventory: None,
        warnings: Vec::new(),
        train,
        validation: None,
        test,
    }
}

/// The first `n` images of a part. Each class is once among any ten images that begin at a multiple
/// of ten.
pub fn split(seed: u64, part: Part, n: usize) -> Split {
    let (mut images, mut labels) = (vec![0; n * PIXELS], vec![0; n]);
    let drawn = images.par_chunks_exact_mut(PIXELS).zip(&mut labels);
    drawn.enumerate().for_each(|(index, (image, label))| {
        *label = label_of(seed, part, index);
        let mut dice = Dice::new(seed, part, Purpose::Image, index);
        draw(*label, &mut dice, image);
    });
    Split {
        spec: FASHION_MNIST_SPEC,
        images: images.into(),
        labels,
    }
}

fn label_of(seed: u64, part: Part, index: usize) -> u16 {
    let mut dice = Dice::new(seed, part, Purpose::Labels, index / CLASSES);
    let mut labels: [u16; CLASSES] = std::array::from_fn(|label| label as u16);
    for last in (1..CLASSES).rev() {
        labels.swap(last, dice.below(last + 1));
    }
    labels[index % CLASSES]
}

fn draw(label: u16, dice: &mut Dice, image: &mut [u8]) {
    let transform = Transform {
        stretch: [dice.between(0.80, 1.12), dice.between(0.82, 1.06)],
        turn: dice.between(-0.06, 0.06),
        shift: [dice.between(-2.2, 2.2), dice.between(-1.6, 1.6)],
    };
    let mut canvas = Canvas::new(transform);
    garment(label, &mut canvas, dice);
    pattern(&mut canvas, dice);
    finish(&canvas, dice, image);
}

/// Draws the garment of class `label`.
fn garment(label: u16, canvas: &mut Canvas, dice: &mut Dice) {
    let tones = Tones::random(dice);
    match label {
        0 => tops::t_shirt(canvas, dice, &tones),
        1 => garments::trouser(canvas, dice, &tones),
        2 => tops::pullover(canvas, dice, &tones),
        3 => tops::dress(canvas, dice, &tones),
        4 => tops::coat(canvas, dice, &tones),
        5 => shoes::sandal(canvas, dice, &tones),
        6 => tops::shirt(canvas, dice, &tones),
        7 => shoes::sneaker(canvas, dice, &tones),
        8 => garments::bag(canvas, dice, &tones),
        _ => shoes::ankle_boot(canvas, dice, &tones),
    }
}

/// Cloth is plain, striped along or across, checked or slanted; a pattern may be of either sign.
fn pattern(canvas: &mut Canvas, dice: &mut Dice) {
    let kind = dice.below(8);
    let strength = dice.between(0.08, 0.30) * dice.sign();
    let period = dice.between(2.5, 7.0);
    let phase = dice.between(0.0, period);
    // A triangle wave between -1 and 1.
    let wave = |at: f32| {
        let turns = (at + phase) / period + 64.0;
        4.0 * (turns - turns.floor() - 0.5).abs() - 1.0
    };
    for row in 0..SIDE {
        for column in 0..SIDE {
            let (x, y) = (column as f32, row as f32);
            let value = match kind {
                0 => wave(x),
                1 => wave(y),
                2 => wave(x) * wave(y),
                3 => wave(0.7 * (x + y)),
                _ => return,
            };
            canvas.shade[row * SIDE + column] *= 1.0 + strength * value;
        }
    }
}

/// Light from one side, grain of the cloth, a little noise all over; then to bytes.
fn finish(canvas: &Canvas, dice: &mut Dice, image: &mut [u8]) {
    let light = [dice.between(-0.012, 0.012), dice.between(-0.012, 0.012)];
    let grain = dice.between(0.04, 0.22);
    for (index, pixel) in image.iter_mut().enumerate() {
        let (x, y) = ((index % SIDE) as f32 - 13.5, (index / SIDE) as f32 - 13.5);
        let mask = canvas.mask[index];
        let noise = grain * mask * dice.bell();
        let value = canvas.shade[index] * (1.0 + light[0] * x + light[1] * y) + noise;
        *pixel = (value.clamp(0.0, 1.0) * 255.0 + 0.5) as u8;
    }
}

/// What random numbers are for: different purposes must not share them.
#[derive(Clone, Copy)]
enum Purpose {
    Labels,
    Image,
}

/// Random choices, made of integers and exactly rounded arithmetic only.
struct Dice(ChaCha8Rng);

impl Dice {
    fn new(seed: u64, part: Part, purpose: Purpose, index: usize) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&(index as u64).to_le_bytes());
        key[16] = part as u8;
        key[17] = purpose as u8;
        Self(ChaCha8Rng::from_seed(key))
    }

    /// Uniform in `[0, 1)`, in steps of 2⁻²⁴.
    fn unit(&mut self) -> f32 {
        (self.0.next_u32() >> 8) as f32 / (1 << 24) as f32
    }

    fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// Uniform among `0..n`, for small `n`.
    fn below(&mut self, n: usize) -> usize {
        ((u64::from(self.0.next_u32()) * n as u64) >> 32) as usize
    }

    fn chance(&mut self, probability: f32) -> bool {
        self.unit() < probability
    }

    fn sign(&mut self) -> f32 {
        if self.chance(0.5) { 1.0 } else { -1.0 }
    }

    /// Bell-shaped around 0, within -1 and 1: the mean of four bytes.
    fn bell(&mut self) -> f32 {
        let sum: i32 = self
            .0
            .next_u32()
            .to_le_bytes()
            .into_iter()
            .map(i32::from)
            .sum();
        (sum - 510) as f32 / 510.0
    }
}

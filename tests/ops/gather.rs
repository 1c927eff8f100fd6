//! Batches made on each device, against definitions of their own.

use std::sync::Arc;

use crate::common::shapes::IMAGES;
use crate::common::{assert_panics, cpu, fashion_mnist, first, random, values, wgpu};
use burn::Tensor;
use burn::tensor::{DType, Device, Int, TensorData};
use fmnist::dataset::{CLASSES, FASHION_MNIST_SPEC, ImageShape, Images, PIXELS, SIDE, Spec, Split};
use fmnist::ops::gather::{Augment, Normalization, Selection, gather, target_values};
use fmnist::train::{Batches, DeviceSplit, shuffled};

on_each_device!(
    batches_are_the_images_and_their_labels,
    every_augmentation_is_its_definition,
    images_of_any_size_and_classes_are_as_defined,
    an_epoch_is_shuffled_and_augmented_by_its_seed_and_number,
    crops_are_uniform,
    flips_and_shifts_are_uniform,
    colours_change_within_their_range,
    erased_rectangles_have_their_size_and_place,
    cut_targets_are_the_areas_shown,
    blended_targets_are_the_weights_shown,
    every_other_image_can_be_the_partner,
    numbers_beyond_their_range_count_as_its_end,
    parts_of_a_split_make_the_same_batches,
    tensors_that_do_not_fit_are_refused,
);

const NONE: Augment = Augment::NONE;

/// Images `[len][784]`, targets `[len][10]`, and the sizes of the batches.
struct Made {
    images: Vec<Vec<f32>>,
    targets: Vec<Vec<f32>>,
    sizes: Vec<usize>,
}

fn make(batches: Batches) -> Made {
    let mut made = Made {
        images: Vec::new(),
        targets: Vec::new(),
        sizes: Vec::new(),
    };
    for batch in batches {
        let [_, channels, height, width] = batch.images.dims();
        let [_, classes] = batch.targets.dims();
        made.sizes.push(batch.len());
        let rows = |values: Vec<f32>, width| -> Vec<Vec<f32>> {
            values.chunks(width).map(<[f32]>::to_vec).collect()
        };
        made.images
            .extend(rows(values(batch.images), channels * height * width));
        made.targets.extend(rows(values(batch.targets), classes));
    }
    made
}

/// `len` images by a formula of index and pixel, with labels that count through the classes.
fn split(len: usize, pixel: impl Fn(usize, usize) -> u8) -> Split {
    let images = (0..len * PIXELS).map(|i| pixel(i / PIXELS, i % PIXELS));
    let labels = (0..len).map(|i| (i % CLASSES) as u16);
    let (images, labels) = (images.collect(), labels.collect());
    Split::new(FASHION_MNIST_SPEC, images, labels).expect("they fit together")
}

fn bytes(image: &[f32]) -> Vec<u8> {
    image.iter().map(|x| (255.0 * x).round() as u8).collect()
}

fn batches_are_the_images_and_their_labels(device: &Device) {
    let data = first(&fashion_mnist().test, 300);
    let on_device = DeviceSplit::upload(data.clone(), device);
    assert_eq!(on_device.len(), 300);
    let batches = on_device.batches(128);
    assert_eq!(batches.len(), 3);
    let made = make(batches);
    assert_eq!(made.sizes, [128, 128, 44]);
    for (index, (image, targets)) in made.images.iter().zip(&made.targets).enumerate() {
        let expected = data
            .image(index)
            .iter()
            .map(|&p| f32::from(p) * (1.0 / 255.0));
        assert!(image.iter().copied().eq(expected), "image {index}");
        let mut expected = [0.0; CLASSES];
        expected[usize::from(data.labels[index])] = 1.0;
        assert_eq!(*targets, expected);
    }
    let centered = make(on_device.batches(128).normalized(Normalization::Centered));
    for (index, image) in centered.images.iter().enumerate() {
        let bytes = data.image(index).iter();
        let expected = bytes.map(|&p| (f32::from(p) - 73.0) * (1.0 / 90.0));
        assert!(image.iter().copied().eq(expected), "image {index}");
    }
    let empty = DeviceSplit::upload(Split::empty(FASHION_MNIST_SPEC), device);
    assert!(empty.is_empty() && empty.batches(8).next().is_none());
}

/// pcg4d, word by word as the paper prints it, in arithmetic that does not wrap by itself.
fn pcg4d(words: [u64; 4]) -> [u64; 4] {
    const WORD: u64 = 1 << 32;
    let mut v = words.map(|word| (word * 1_664_525 + 1_013_904_223) % WORD);
    for round in 0..2 {
        for (to, a, b) in [(0, 1, 3), (1, 2, 0), (2, 0, 1), (3, 1, 2)] {
            v[to] = (v[to] + v[a] * v[b] % WORD) % WORD;
        }
        if round == 0 {
            v = v.map(|word| word ^ (word / 65_536));
        }
    }
    v
}

#[test]
fn the_hash_has_known_values() {
    // From a third implementation, in Python.
    let cases = [
        ([0; 4], [0x0f02_f829, 0x2d56_8769, 0x32b0_c43b, 0xd325_48ea]),
        (
            [1, 2, 3, 4],
            [0x3622_cd16, 0xf114_71d8, 0xe110_9b3f, 0x02b9_4c2f],
        ),
        (
            [0xffff_ffff; 4],
            [0x974e_d892, 0xc015_dc67, 0x9f95_5760, 0xa1bb_a208],
        ),
        (
            [0xdead_beef, 0x1234_5678, 7, 0x8000_0000],
            [0xa29c_3ab6, 0x86a9_4a63, 0x762b_b365, 0x5af4_b0c1],
        ),
    ];
    for (words, hash) in cases {
        assert_eq!(pcg4d(words), hash);
    }
}

/// What batches look like, pixel by pixel from the documentation of [`Augment`].
struct Definition<'a> {
    data: &'a Split,
    augment: Augment,
    key: [u64; 2],
}

impl<'a> Definition<'a> {
    fn new(data: &'a Split, augment: Augment, seed: u64, epoch: u64) -> Self {
        let [x, y, _, _] = pcg4d([seed % (1 << 32), seed >> 32, epoch, 0]);
        Self {
            data,
            augment,
            key: [x, y],
        }
    }

    fn words(&self, image: usize, stream: usize) -> [u64; 4] {
        pcg4d([self.key[0], self.key[1], image as u64, stream as u64])
    }

    fn picture(&self, image: usize) -> Vec<u8> {
        let augment = &self.augment;
        let ImageShape { channels, .. } = self.data.spec.shape;
        let sides = sides(self.data);
        let [columns, rows] = sides;
        let smaller = columns.min(rows);
        let shift = isize::from(augment.shift).min(smaller);
        let [flip, right, down, erase] = self.words(image, 0);
        let is_flipped = augment.flip && below(flip, 2) == 1;
        let [right, down] = [right, down].map(|word| below(word, 2 * shift + 1) - shift);
        let is_erased = below(erase, 100) < augment.erase.into();
        let [width, height, left, top] = self.words(image, 1);
        let size = [width, height]
            .map(|word| 1 + below(word, isize::from(augment.erase_side).min(smaller)));
        let corner =
            [(left, 0), (top, 1)].map(|(word, axis)| below(word, sides[axis] + 1 - size[axis]));

        let crop = self.crop(image);
        let color = Recolored::new(augment.color, channels, self.words(image, 4));

        let pixel = |channel: usize, position: [isize; 2]| {
            let [x, y] = position;
            let inside =
                |axis: usize| (corner[axis]..corner[axis] + size[axis]).contains(&position[axis]);
            if is_erased && inside(0) && inside(1) {
                return 0;
            }
            let (column, row) = (x - right, y - down);
            if !(0..columns).contains(&column) || !(0..rows).contains(&row) {
                return 0;
            }
            let column = if is_flipped {
                columns - 1 - column
            } else {
                column
            };
            let plane = (channel as isize * rows * columns) as usize;
            let byte = |x: usize, y: usize| {
                f64::from(self.data.image(image)[plane + y * columns as usize + x])
            };
            let [(left, right, across), (above, below, down)] =
                [(column, 0), (row, 1)].map(|(position, axis)| crop.at(axis, position));
            let between = |y| (1.0 - across) * byte(left, y) + across * byte(right, y);
            let seen = (1.0 - down) * between(above) + down * between(below);
            let byte = (seen + 0.5).floor() as u8;
            let mean = self.data.spec.channels[channel].mean;
            color.of(channel, byte, mean)
        };
        let channels = (0..channels)
            .flat_map(|channel| positions(sides).map(move |position| (channel, position)));
        channels
            .map(|(channel, position)| pixel(channel, position))
            .collect()
    }

    fn crop(&self, image: usize) -> Crop {
        let sides = sides(self.data);
        let words = self.words(image, 5);
        let most = isize::from(self.augment.crop);
        let len = [0, 1].map(|axis| {
            let whole = 256 * sides[axis];
            whole - below(words[axis], whole * most / 100 + 1)
        });
        let start = [0, 1].map(|axis| below(words[2 + axis], 256 * sides[axis] - len[axis] + 1));
        Crop { sides, start, len }
    }

    /// A row of a batch, of which `pictures` has every image by itself, and how many parts of it each
    /// class has, of as many as it has pixels.
    fn row(&self, pictures: &[Vec<u8>], batch: &[u32], row: usize) -> (Vec<u8>, Vec<usize>) {
        let sides = sides(self.data);
        let pixels = self.data.spec.shape.pixels();
        let image = batch[row] as usize;
        let [kind, distance, a, b] = self.words(image, 2);
        let distance = 1 + below(distance, batch.len() as isize - 1) as usize;
        let partner = batch[(row + distance) % batch.len()] as usize;
        let [mut own, other] = [image, partner].map(|index| pictures[index].clone());
        let mut parts = pixels;
        let kind = below(kind, 100);
        let (cutmix, mixup) = (self.augment.cutmix.into(), isize::from(self.augment.mixup));
        if kind < cutmix {
            let size = sides.map(|side| 1 + below(a, side).max(below(b, side)));
            let words = self.words(image, 3);
            let corner = [0, 1].map(|axis| below(words[axis], sides[axis]) - size[axis] / 2);
            for (i, position) in positions(sides).enumerate() {
                let inside = |axis: usize| {
                    (corner[axis]..corner[axis] + size[axis]).contains(&position[axis])
                };
                if inside(0) && inside(1) {
                    for value in (i..own.len()).step_by(pixels) {
                        own[value] = other[value];
                    }
                    parts -= 1;
                }
            }
        } else if kind < cutmix + mixup {
            parts = below(a, pixels as isize + 1) as usize;
            for (own, other) in own.iter_mut().zip(other) {
                let [a, b] = [(*own, parts), (other, pixels - parts)]
                    .map(|(pixel, parts)| f64::from(pixel) * parts as f64);
                *own = ((a + b) / pixels as f64).round() as u8;
            }
        }
        let mut of_class = vec![0; self.data.spec.classes];
        of_class[usize::from(self.data.labels[image])] += parts;
        of_class[usize::from(self.data.labels[partner])] += pixels - parts;
        (own, of_class)
    }
}

/// What is seen of an image, in 256ths of a pixel, first across, then down.
struct Crop {
    sides: [isize; 2],
    start: [isize; 2],
    len: [isize; 2],
}

impl Crop {
    /// Between which pixels a pixel of the enlarged image lies, and how far behind the first.
    fn at(&self, axis: usize, position: isize) -> (usize, usize, f64) {
        let [start, len, side] =
            [self.start, self.len, self.sides].map(|numbers| numbers[axis] as f64);
        let middle = start + ((position as f64 + 0.5) * len / side).floor() - 128.0;
        let last = self.sides[axis] - 1;
        let place = middle.clamp(0.0, 256.0 * last as f64) / 256.0;
        let first = place.floor() as isize;
        let second = (first + 1).min(last);
        (first as usize, second as usize, place.fract())
    }
}

/// The factors of an image's colours, multiples of 1/256.
struct Recolored {
    contrast: f64,
    gains: [f64; 3],
}

impl Recolored {
    fn new(percent: u8, channels: usize, words: [u64; 4]) -> Self {
        // As far from 1 as so many percent, whole 256ths, reach.
        let range = isize::from(percent.min(100)) * 256 / 100;
        let factor =
            |word: u64, range: isize| (256 + below(word, 2 * range + 1) - range) as f64 / 256.0;
        let [contrast, brightness] = [words[0], words[1]].map(|word| factor(word, range));
        let tints = match channels {
            3 => [
                factor(words[2], range / 2),
                1.0,
                factor(words[3], range / 2),
            ],
            _ => [1.0; 3],
        };
        let gains = tints.map(|tint| (256.0 * brightness * tint + 0.5).floor() / 256.0);
        Self { contrast, gains }
    }

    fn of(&self, channel: usize, byte: u8, mean: u8) -> u8 {
        let (byte, mean) = (f64::from(byte), f64::from(mean));
        let value = (mean + self.contrast * (byte - mean)) * self.gains[channel];
        (value + 0.5).floor().clamp(0.0, 255.0) as u8
    }
}

/// A number below `n` from the upper half of a word.
fn below(word: u64, n: isize) -> isize {
    ((word / 65_536) as isize * n) / 65_536
}

/// Width and height of an image.
fn sides(data: &Split) -> [isize; 2] {
    [data.spec.shape.width, data.spec.shape.height].map(|side| side as isize)
}

/// `[x, y]` of every pixel.
fn positions([width, height]: [isize; 2]) -> impl Iterator<Item = [isize; 2]> {
    (0..width * height).map(move |i| [i % width, i / width])
}

/// All combinations but for crops and colours, which change in a third of them and where the number of the
/// others is odd, each time by another percentage; with label smoothing in every other one.
fn combinations() -> impl Iterator<Item = (Augment, f64)> {
    (0..32).map(|bits: u8| {
        let on = |bit: u8, value: u8| if bits >> bit & 1 == 1 { value } else { 0 };
        let augment = Augment {
            crop: u8::from(bits % 3 == 1) * (2 * bits + 8),
            flip: on(0, 1) == 1,
            shift: on(1, 3),
            erase: on(2, 60),
            erase_side: 12,
            cutmix: on(3, 40),
            mixup: on(4, 50),
            color: (bits.count_ones() % 2) as u8 * (3 * bits + 7),
        };
        (augment, f64::from(bits % 2) * 0.1)
    })
}

fn every_augmentation_is_its_definition(device: &Device) {
    let images = first(&fashion_mnist().train, 320);
    for (case, (augment, label_smoothing)) in combinations().enumerate() {
        for batch_size in [1usize, 2, 3, 125, 128] {
            // The last batch is a partial one.
            let data = first(&images, 2 * batch_size + batch_size.div_ceil(2));
            assert_as_defined(&data, case, augment, label_smoothing, batch_size, device);
        }
    }
}

fn images_of_any_size_and_classes_are_as_defined(device: &Device) {
    for [channels, height, width, classes] in IMAGES {
        let shape = ImageShape {
            channels,
            height,
            width,
        };
        let len = if height == 256 { 5 } else { 41 };
        let bytes = random(len * shape.values(), 7);
        let images: Vec<u8> = bytes.iter().map(|x| x.to_bits() as u8).collect();
        let labels = (0..len).map(|i| (i * 7 % classes) as u16).collect();
        let mut spec = Spec::new(shape, classes);
        for (place, channel) in (0..).zip(&mut spec.channels) {
            (channel.mean, channel.std) = (100 + 20 * place, 50 + 13 * place);
        }
        let data = Split::new(spec, images, labels).expect("they fit together");
        for (case, (augment, label_smoothing)) in combinations().enumerate() {
            // Beyond the smaller side counts as that side.
            let augment = Augment {
                shift: if case % 4 == 3 { 200 } else { augment.shift },
                erase_side: if case % 8 == 5 {
                    255
                } else {
                    augment.erase_side
                },
                ..augment
            };
            assert_as_defined(&data, case, augment, label_smoothing, 16, device);
        }
    }
}

fn assert_as_defined(
    data: &Split,
    case: usize,
    augment: Augment,
    label_smoothing: f64,
    batch_size: usize,
    device: &Device,
) {
    let (seed, epoch) = (case as u64 * 0x1_2345_6789, 1 + case);
    let (normalization, scales) = match case % 2 {
        0 => (Normalization::Unit, [(0, 255); 3]),
        _ => (
            Normalization::Centered,
            data.spec
                .channels
                .map(|channel| (channel.mean, channel.std)),
        ),
    };
    let made = make(
        DeviceSplit::upload(data.clone(), device)
            .epoch(batch_size, seed, epoch)
            .normalized(normalization)
            .augmented(augment)
            .smoothed(label_smoothing),
    );
    let what = format!(
        "{:?}, {augment:?}, batch size {batch_size}",
        data.spec.shape
    );
    let definition = Definition::new(data, augment, seed, epoch as u64);
    let pictures: Vec<_> = (0..data.len()).map(|i| definition.picture(i)).collect();
    let values = target_values(label_smoothing, data.spec);
    let order = shuffled(data.len(), seed, epoch);
    let rows = order
        .chunks(batch_size)
        .flat_map(|batch| (0..batch.len()).map(move |row| (batch, row)));
    for (i, (batch, row)) in rows.enumerate() {
        let (pixels, parts) = definition.row(&pictures, batch, row);
        let planes = pixels.chunks(data.spec.shape.pixels()).zip(scales);
        let expected = planes.flat_map(|(plane, (mean, std))| {
            let number =
                move |&byte: &u8| (f32::from(byte) - f32::from(mean)) * (1.0 / f32::from(std));
            plane.iter().map(number)
        });
        assert!(
            made.images[i].iter().copied().eq(expected),
            "{what}, image {i}"
        );
        let expected = parts.iter().map(|&parts| values[parts]);
        assert!(
            made.targets[i].iter().copied().eq(expected),
            "{what}, targets {i}"
        );
    }
    assert_eq!(made.images.len(), data.len());
}

#[test]
fn smoothed_targets_have_known_values() {
    let plain = target_values(0.0, FASHION_MNIST_SPEC);
    assert_eq!([plain[0], plain[392], plain[784]], [0.0, 0.5, 1.0]);
    let smoothed = target_values(0.1, FASHION_MNIST_SPEC);
    assert_eq!(
        [smoothed[0], smoothed[392], smoothed[784]],
        [0.01, 0.46, 0.91]
    );
    let all = target_values(0.75, FASHION_MNIST_SPEC);
    assert_eq!([all[0], all[196], all[784]], [0.075, 0.1375, 0.325]);
    assert_eq!(plain.len(), 785);
}

fn an_epoch_is_shuffled_and_augmented_by_its_seed_and_number(device: &Device) {
    // Images that differ in their first pixel only.
    let data = split(200, |image, pixel| match pixel {
        0 => image as u8,
        _ => (pixel % 251) as u8,
    });
    let on_device = DeviceSplit::upload(data, device);
    let augment = Augment {
        shift: 4,
        erase: 50,
        erase_side: 10,
        ..NONE
    };
    let order = |seed, epoch| -> Vec<u8> {
        let made = make(on_device.epoch(64, seed, epoch));
        made.images.iter().map(|image| bytes(image)[0]).collect()
    };
    let in_order: Vec<u8> = (0..200).collect();
    for (seed, epoch) in [(1, 1), (1, 2), (2, 1), (1 + (1 << 32), 1)] {
        let mut seen = order(seed, epoch);
        assert_eq!(seen, order(seed, epoch), "repeatable");
        assert!((seed, epoch) == (1, 1) || seen != order(1, 1));
        seen.sort_unstable();
        assert_eq!(seen, in_order, "each image once");
    }

    // All images the same: now the order does not show, but how they are changed does.
    let same = DeviceSplit::upload(split(200, |_, pixel| (pixel % 251) as u8), device);
    let changes = |seed, epoch| {
        let mut images = make(same.epoch(64, seed, epoch).augmented(augment)).images;
        images.sort_by(|a, b| a.partial_cmp(b).expect("no NaN"));
        images
    };
    assert!(changes(1, 1) == changes(1, 1));
    for other in [(1, 2), (2, 1), (1 + (1 << 32), 1)] {
        assert!(changes(1, 1) != changes(other.0, other.1));
    }
}

const MANY: usize = 10_000;

/// Whether `count` of [`MANY`] is what a probability of `p` gives, within four standard deviations.
fn is_likely(count: usize, p: f64) -> bool {
    let deviation = (MANY as f64 * p * (1.0 - p)).sqrt();
    (count as f64 - MANY as f64 * p).abs() <= 4.0 * deviation
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Sum of squared deviations from equal counts, relative to them.
fn chi_square(counts: &[usize]) -> f64 {
    let expected = counts.iter().sum::<usize>() as f64 / counts.len() as f64;
    let squares = counts.iter().map(|&n| (n as f64 - expected).powi(2));
    squares.sum::<f64>() / expected
}

/// [`MANY`] images of a formula, augmented.
fn many(device: &Device, augment: Augment, pixel: impl Fn(usize, usize) -> u8) -> Made {
    let data = DeviceSplit::upload(split(MANY, pixel), device);
    make(data.epoch(1000, 7, 3).augmented(augment))
}

/// Of images that grow lighter by 8 from column to column, or from row to row: a crop's share of a side is the
/// share of the lightening that is left, and its place the light that it begins with.
fn crops_are_uniform(device: &Device) {
    let augment = Augment { crop: 40, ..NONE };
    for by_column in [true, false] {
        let made = many(device, augment, |_, pixel| {
            let place = if by_column {
                pixel % SIDE
            } else {
                pixel / SIDE
            };
            8 * place as u8
        });
        let (mut shares, mut places) = (Vec::new(), Vec::new());
        for image in &made.images {
            let image = bytes(image);
            // Pixels at the ends may lie beyond the middle of the image's last ones.
            let at = |place: usize| {
                let pixel = if by_column { place } else { place * SIDE };
                f64::from(image[pixel])
            };
            let share = (at(24) - at(3)) / (21.0 * 8.0);
            let start = at(14) / 8.0 + 0.5 - 14.5 * share;
            shares.push(share + 0.2);
            if share < 0.75 {
                places.push(0.5 + start / (28.0 * (1.0 - share)));
            }
        }
        assert_uniform(&shares, 0.2, 0.01);
        assert_uniform(&places, 0.5, 0.05);
    }
}

fn flips_and_shifts_are_uniform(device: &Device) {
    let augment = Augment {
        flip: true,
        shift: 2,
        ..NONE
    };
    // One pixel is lit, at column 10 of row 20.
    let made = many(device, augment, |_, pixel| {
        u8::from(pixel == 20 * SIDE + 10) * 255
    });
    let mut counts = [0; 50];
    for image in &made.images {
        let lit: Vec<usize> = (0..PIXELS).filter(|&i| image[i] != 0.0).collect();
        let [place] = lit[..] else {
            panic!("lit: {lit:?}")
        };
        let (x, y) = (place % SIDE, place / SIDE);
        let (flipped, shifted) = if x < 14 { (0, x - 8) } else { (1, x - 15) };
        counts[(flipped * 5 + shifted) * 5 + y - 18] += 1;
    }
    assert!(
        is_likely(counts[25..].iter().sum(), 0.5),
        "flips: {counts:?}"
    );
    // 49 degrees of freedom: beyond 95 once in ten thousand times.
    let chi_square = chi_square(&counts);
    assert!(chi_square < 95.0, "{chi_square}: {counts:?}");
}

/// Images of two bytes in each channel: the mean, which contrast does not change, and 40 more.
fn colours_change_within_their_range(device: &Device) {
    let augment = Augment { color: 20, ..NONE };
    for (channels, tinted) in [(1, false), (3, true)] {
        let shape = ImageShape {
            channels,
            height: 8,
            width: 8,
        };
        let (mut spec, pixels) = (Spec::new(shape, 2), shape.pixels());
        for channel in &mut spec.channels {
            channel.mean = 150;
        }
        let byte = |i: usize| 150 + 40 * (i % 2) as u8;
        let images = (0..MANY * shape.values()).map(byte).collect();
        let data = Split::new(spec, images, vec![0; MANY]).expect("they fit together");
        let data = DeviceSplit::upload(data, device);
        let made = make(data.epoch(1000, 7, 3).augmented(augment));
        let factors = made.images.iter().map(|image| {
            let image = bytes(image);
            let channels = image.chunks(pixels).map(|plane| {
                assert!(plane.chunks(2).all(|pair| pair == &plane[..2]));
                f64::from(plane[0]) / 150.0
            });
            let channels: Vec<f64> = channels.collect();
            // Of green, which has no tint.
            let green = image.chunks(pixels).nth(channels.len() / 2);
            let [mean, more] = green.map(|plane| [plane[0], plane[1]]).expect("a plane");
            let contrast = 150.0 * (f64::from(more) / f64::from(mean) - 1.0) / 40.0;
            (contrast, channels)
        });
        let factors: Vec<(f64, Vec<f64>)> = factors.collect();
        let contrasts: Vec<f64> = factors.iter().map(|(contrast, _)| *contrast).collect();
        let brightness = |channels: &[f64]| channels[channels.len() / 2];
        let brightnesses: Vec<f64> = (factors.iter().map(|(_, c)| brightness(c))).collect();
        assert_uniform(&contrasts, 0.2, 0.03);
        assert_uniform(&brightnesses, 0.2, 0.004);
        let tints = |channel: usize| -> Vec<f64> {
            let tint = |(_, channels): &(f64, Vec<f64>)| channels[channel] / brightness(channels);
            factors.iter().map(tint).collect()
        };
        if tinted {
            let [red, blue] = [tints(0), tints(2)];
            assert_uniform(&red, 0.1, 0.01);
            assert_uniform(&blue, 0.1, 0.01);
            assert_independent(&red, &blue);
            assert_independent(&red, &brightnesses);
        }
        assert_independent(&contrasts, &brightnesses);
    }
}

/// Values known to `error` that are uniform in 1 ± `range`: by their ends, mean and deviation.
fn assert_uniform(values: &[f64], range: f64, error: f64) {
    let (low, high) = values.iter().fold((f64::MAX, f64::MIN), |(low, high), &x| {
        (low.min(x), high.max(x))
    });
    for (end, expected) in [(low, 1.0 - range), (high, 1.0 + range)] {
        assert!(
            (end - expected).abs() <= error + 0.01 * range,
            "{low} to {high}"
        );
    }
    let squares: Vec<f64> = values.iter().map(|x| (x - 1.0).powi(2)).collect();
    let deviation = range / 3.0f64.sqrt();
    let off = mean(values) - 1.0;
    assert!(
        off.abs() <= 4.0 * deviation / (values.len() as f64).sqrt() + 0.002,
        "{off}"
    );
    assert!(
        (mean(&squares).sqrt() / deviation - 1.0).abs() <= 0.04,
        "{}",
        mean(&squares).sqrt()
    );
}

/// Values around 1 of which those of one kind tell nothing of the other.
fn assert_independent(a: &[f64], b: &[f64]) {
    let covariance: Vec<f64> = a
        .iter()
        .zip(b)
        .map(|(a, b)| (a - 1.0) * (b - 1.0))
        .collect();
    let deviation = |values: &[f64]| {
        let squares: Vec<f64> = values.iter().map(|x| (x - 1.0).powi(2)).collect();
        mean(&squares).sqrt()
    };
    let correlation = mean(&covariance) / (deviation(a) * deviation(b));
    assert!(
        correlation.abs() <= 4.0 / (a.len() as f64).sqrt(),
        "{correlation}"
    );
}

fn erased_rectangles_have_their_size_and_place(device: &Device) {
    let augment = Augment {
        erase: 30,
        erase_side: 9,
        ..NONE
    };
    let made = many(device, augment, |_, _| 255);
    let (mut areas, mut sizes, mut erased) = (Vec::new(), [0; 81], [0; PIXELS]);
    for image in &made.images {
        let dark: Vec<usize> = (0..PIXELS).filter(|&i| image[i] == 0.0).collect();
        let (Some(first), Some(last)) = (dark.first(), dark.last()) else {
            continue;
        };
        let (width, height) = (
            last % SIDE - first % SIDE + 1,
            last / SIDE - first / SIDE + 1,
        );
        let rectangle = (0..height).flat_map(|y| (0..width).map(move |x| first + y * SIDE + x));
        assert!(rectangle.eq(dark.iter().copied()), "{dark:?}");
        areas.push(dark.len() as f64);
        sizes[(height - 1) * 9 + width - 1] += 1;
        dark.iter().for_each(|&place| erased[place] += 1);
    }
    assert!(is_likely(areas.len(), 0.3), "{} erased", areas.len());
    // The mean of 1 to 9, squared; the standard deviation is the area's, 19.4.
    let deviation = 19.4 / (areas.len() as f64).sqrt();
    let error = mean(&areas) - 25.0;
    assert!(error.abs() <= 4.0 * deviation, "{}", mean(&areas));
    // 80 degrees of freedom: beyond 133 once in ten thousand times.
    let chi_square = chi_square(&sizes);
    assert!(chi_square < 133.0, "{chi_square}: {sizes:?}");
    assert!(
        erased.iter().all(|&n| n > 0),
        "every pixel is erased at times"
    );
}

/// A grey of its own for each class.
fn grey(class: usize) -> u8 {
    (20 * class + 30) as u8
}

/// The shares of [`MANY`] mixed images that are not their own, of those with a partner of another
/// class; `check` sees their bytes and targets.
fn foreign_shares(made: &Made, check: impl Fn(&[u8], &[f32])) -> Vec<f64> {
    let order = shuffled(MANY, 7, 3);
    let mut shares = Vec::new();
    for ((image, targets), index) in made.images.iter().zip(&made.targets).zip(order) {
        check(&bytes(image), targets);
        assert!((targets.iter().sum::<f32>() - 1.0).abs() <= 1e-6);
        let own = targets[index as usize % CLASSES];
        if own < 1.0 {
            shares.push(1.0 - f64::from(own));
        }
    }
    shares
}

fn cut_targets_are_the_areas_shown(device: &Device) {
    let augment = Augment {
        flip: true,
        cutmix: 40,
        ..NONE
    };
    let made = many(device, augment, |image, _| grey(image % CLASSES));
    let shares = foreign_shares(&made, |image, targets| {
        for (class, &target) in targets.iter().enumerate() {
            let shown = image.iter().filter(|&&pixel| pixel == grey(class)).count();
            assert_eq!(target, shown as f32 / 784.0);
        }
    });
    // One partner in ten is of the same class.
    assert!(is_likely(shares.len(), 0.4 * 0.9), "{} cut", shares.len());
    // Mean and standard deviation of a square's area by its definition: of side s with probability
    // (2s - 1) / 784, around any pixel, as far as it lies in the image.
    let (mut first, mut second) = (0.0, 0.0);
    for side in 1..=28_i32 {
        for center in positions([28, 28]) {
            let covered = center.map(|center| {
                let low = center as i32 - side / 2;
                f64::from((low + side).min(28) - low.max(0))
            });
            let share = covered[0] * covered[1] / 784.0;
            let probability = f64::from(2 * side - 1) / 784.0 / 784.0;
            first += probability * share;
            second += probability * share * share;
        }
    }
    let deviation = (second - first * first).sqrt() / (shares.len() as f64).sqrt();
    let error = mean(&shares) - first;
    assert!(
        error.abs() <= 4.0 * deviation,
        "{} and {first}",
        mean(&shares)
    );
}

fn blended_targets_are_the_weights_shown(device: &Device) {
    let augment = Augment { mixup: 60, ..NONE };
    let made = many(device, augment, |image, _| grey(image % CLASSES));
    let shares = foreign_shares(&made, |image, targets| {
        let greys = targets.iter().enumerate();
        let blend: f32 = greys.map(|(class, t)| t * f32::from(grey(class))).sum();
        for &pixel in image {
            assert!(
                (f32::from(pixel) - blend).abs() <= 0.501,
                "{pixel}, not {blend}"
            );
        }
    });
    assert!(
        is_likely(shares.len(), 0.6 * 0.9),
        "{} blended",
        shares.len()
    );
    let mut counts = [0; 16];
    for share in &shares {
        counts[((16.0 * share) as usize).min(15)] += 1;
    }
    // 15 degrees of freedom: beyond 45 once in ten thousand times.
    let chi_square = chi_square(&counts);
    assert!(chi_square < 45.0, "{chi_square}: {counts:?}");
}

fn every_other_image_can_be_the_partner(device: &Device) {
    // Black images of eight classes, so that the targets alone tell the partner.
    let data = DeviceSplit::upload(split(8, |_, _| 0), device);
    let augment = Augment {
        cutmix: 100,
        ..NONE
    };
    let mut partners = vec![0; 8 * 8];
    for seed in 0..300 {
        let order = shuffled(8, seed, 1);
        for (image, targets) in order
            .iter()
            .zip(make(data.epoch(8, seed, 1).augmented(augment)).targets)
        {
            let own = *image as usize;
            let partner = (0..8).find(|&class| class != own && targets[class] > 0.0);
            partners[8 * own + partner.expect("all images are cut")] += 1;
        }
    }
    assert!((0..8).all(|own| partners[9 * own] == 0));
    let others: Vec<usize> = (0..64)
        .filter(|i| i % 9 != 0)
        .map(|i| partners[i])
        .collect();
    // 55 degrees of freedom, less the eight sums: beyond 92 once in ten thousand times.
    let chi_square = chi_square(&others);
    assert!(chi_square < 92.0, "{chi_square}: {partners:?}");
}

fn numbers_beyond_their_range_count_as_its_end(device: &Device) {
    let data = DeviceSplit::upload(first(&fashion_mnist().test, 40), device);
    let made = |augment| {
        let made = make(data.epoch(20, 1, 1).augmented(augment));
        (made.images, made.targets)
    };
    let beyond = Augment {
        crop: 255,
        flip: true,
        shift: 255,
        erase: 255,
        erase_side: 255,
        cutmix: 255,
        mixup: 255,
        color: 255,
    };
    let within = Augment {
        crop: 75,
        flip: true,
        shift: 28,
        erase: 100,
        erase_side: 28,
        cutmix: 100,
        mixup: 0,
        color: 100,
    };
    assert!(made(beyond) == made(within));
    let sideless = Augment {
        erase: 100,
        erase_side: 0,
        ..NONE
    };
    assert!(made(sideless) == made(NONE));
}

#[test]
fn an_augmentation_shows_all_its_values_in_json() {
    let augment = Augment {
        crop: 15,
        flip: true,
        shift: 2,
        erase: 50,
        erase_side: 12,
        cutmix: 25,
        mixup: 10,
        color: 20,
    };
    let json = serde_json::json!({
        "crop": 15, "flip": true, "shift": 2, "erase": 50, "erase_side": 12, "cutmix": 25,
        "mixup": 10, "color": 20
    });
    assert_eq!(serde_json::to_value(augment).unwrap(), json);
    assert_eq!(
        serde_json::from_value::<Augment>(json.clone()).unwrap(),
        augment
    );
    // All but `color` and `crop`, which earlier versions do not know.
    let mut without = json;
    for name in ["color", "crop"] {
        without.as_object_mut().unwrap().remove(name);
    }
    let augment = Augment {
        color: 0,
        crop: 0,
        ..augment
    };
    assert_eq!(serde_json::to_value(augment).unwrap(), without);
    assert_eq!(serde_json::from_value::<Augment>(without).unwrap(), augment);
    assert_eq!(Augment::default(), NONE);
}

/// Parts that divide the split and that do not, of a batch and of several; odd sizes, whose images
/// begin within a word.
fn parts_of_a_split_make_the_same_batches(device: &Device) {
    let shape = ImageShape {
        channels: 3,
        height: 9,
        width: 13,
    };
    let len = 53;
    let bytes = random(len * shape.values(), 9);
    let images: Vec<u8> = bytes.iter().map(|x| x.to_bits() as u8).collect();
    let labels = (0..len).map(|i| (i * 7 % 5) as u16).collect();
    let data = Split::new(Spec::new(shape, 5), images, labels).expect("they fit together");
    let augmented = Augment {
        crop: 25,
        flip: true,
        shift: 3,
        erase: 50,
        erase_side: 4,
        cutmix: 40,
        mixup: 40,
        color: 30,
    };
    let whole = DeviceSplit::upload(data.clone(), device);
    for (part, batch_size) in [
        (8, 8),
        (20, 8),
        (3, 8),
        (53, 8),
        (1000, 8),
        (16, 1),
        (7, 60),
    ] {
        let streamed = DeviceSplit::streamed(data.clone(), device, part);
        for augment in [NONE, augmented] {
            let epoch = |split: &DeviceSplit| {
                split
                    .epoch(batch_size, 3, 2)
                    .normalized(Normalization::Centered)
                    .augmented(augment)
                    .smoothed(0.1)
            };
            let batches = |split: &DeviceSplit| {
                [
                    epoch(split),
                    split.batches(batch_size),
                    epoch(split).starting_at(3),
                ]
            };
            for (a, b) in batches(&whole).into_iter().zip(batches(&streamed)) {
                let (a, b) = (make(a), make(b));
                assert_eq!(a.sizes, b.sizes);
                assert!(
                    a.images == b.images && a.targets == b.targets,
                    "{part}, {batch_size}, {augment:?}"
                );
            }
        }
    }
    // So do images here and there in a file, as it were, of which there is no tensor.
    let values = shape.values();
    let file: Vec<u8> = data
        .images()
        .flat_map(|image| [&[1, 2, 3], image].concat())
        .collect();
    let scattered = Split {
        images: Images::Scattered {
            bytes: Arc::new(file),
            starts: (0..len).map(|image| image * (values + 3) + 3).collect(),
        },
        ..data.clone()
    };
    let split = DeviceSplit::fit(scattered, device, None);
    assert!(split.is_streamed());
    let made = make(split.epoch(8, 3, 2));
    assert!(made.images == make(whole.epoch(8, 3, 2)).images);
    // Of others only what does not fit is streamed.
    let bytes = (len * shape.values()) as u64;
    for largest in [bytes + 4, bytes - 1] {
        let split = DeviceSplit::fit(data.clone(), device, Some(largest));
        let made = make(split.batches(8));
        assert!(made.images == make(whole.batches(8)).images, "{largest}");
        assert_eq!(split.is_streamed(), largest < bytes);
    }
}

/// A shader would read what lies past the shorter one.
fn tensors_that_do_not_fit_are_refused(device: &Device) {
    let images = |bytes| Tensor::<1, Int>::zeros([bytes], (device, DType::U8));
    let labels = |len| Tensor::<1, Int>::zeros([len], (device, DType::U32));
    let targets = |len| Tensor::<1>::zeros([len], device);
    let selection = |len| Selection {
        first: 1,
        len,
        key: [0, 0],
        augment: NONE,
        normalization: Normalization::default(),
        part: None,
    };
    for (images, labels, targets, len, part) in [
        (
            images(3 * PIXELS - 4),
            labels(3),
            targets(PIXELS + 1),
            2,
            "images",
        ),
        (
            images(3 * PIXELS),
            labels(2),
            targets(PIXELS + 1),
            2,
            "images",
        ),
        (
            images(3 * PIXELS),
            labels(3),
            targets(PIXELS),
            2,
            "target values",
        ),
        (
            images(3 * PIXELS),
            labels(3),
            targets(PIXELS + 1),
            3,
            "3 positions from 1 on, of 3",
        ),
        (
            images(3 * PIXELS),
            labels(3),
            targets(PIXELS + 1),
            0,
            "0 positions from 1 on, of 3",
        ),
    ] {
        let order = Tensor::from_data(TensorData::from([0_u32, 1, 2]), (device, DType::U32));
        let gather = || {
            gather(
                images,
                labels,
                order,
                targets,
                FASHION_MNIST_SPEC,
                selection(len),
            )
        };
        assert_panics(part, gather);
    }
}

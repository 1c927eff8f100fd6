//! Whatever bytes a picture's file has: a picture or an error, never a panic, within bounds.
//!
//! Good files are changed at random, as bytes and as the parts they consist of.
//! `FMNIST_FUZZ_EXECUTIONS` sets how often; each time depends on its number alone.

use std::panic::catch_unwind;
use std::time::{Duration, Instant};

use crate::common::pictures::{
    Rgb, chunk, decode, exif, grey_png, interlaced_png, jpeg, paint, png, png_with, rgb_png,
    test_images, zlib,
};
use jpeg_encoder::SamplingFactor;
use png::{BitDepth, ColorType};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const RUNS: u64 = 20_000;
/// Far more than any file takes that is read, on a machine that does other things besides.
const PATIENCE: Duration = Duration::from_secs(60);
/// A picture of the most pixels that are read takes less.
const MAX_MEMORY: u64 = 1 << 30;

#[test]
fn changed_files_are_pictures_or_errors() {
    let runs = match std::env::var("FMNIST_FUZZ_EXECUTIONS") {
        Ok(runs) => runs.parse().expect("FMNIST_FUZZ_EXECUTIONS is a number"),
        Err(_) => RUNS,
    };
    let seeds = [seeds_png(), seeds_jpeg()];
    let mut pictures = 0;
    for run in 0..runs {
        let mut rng = ChaCha8Rng::seed_from_u64(run);
        let format = usize::from(rng.random_bool(0.6));
        let file = changed(&seeds[format], format == 0, &mut rng);
        let started = Instant::now();
        let outcome = catch_unwind(|| decode(&file, "file").map(|picture| picture.to_input()));
        assert!(started.elapsed() < PATIENCE, "run {run} takes too long");
        match outcome {
            Ok(Ok(_)) => pictures += 1,
            Ok(Err(error)) => assert!(error.to_string().starts_with("file "), "{error}"),
            Err(_) => panic!("run {run} panicked"),
        }
    }
    println!("{pictures} of {runs} files were pictures");
    // As many come through as it takes to reach everything behind the headers.
    assert!(pictures > runs / 50 && pictures < runs);
    if let Some(most) = peak_memory() {
        assert!(most < MAX_MEMORY, "{most} bytes");
    }
}

/// The most memory that this process has had so far, where the system tells.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// A small picture with edges and colours.
fn picture(width: usize, height: usize) -> Rgb {
    let scene = crate::common::pictures::Scene {
        scale: 2,
        margins: [0; 4],
        background: [250, 240, 200],
        object: [20, 60, 120],
    };
    let whole = paint(&test_images(1)[0], scene);
    let pixels = (0..height)
        .flat_map(|y| (0..width).map(move |x| (x, y)))
        .map(|(x, y)| whole.pixels[y % 56 * 56 + x % 56])
        .collect();
    Rgb {
        width,
        height,
        pixels,
    }
}

fn seeds_png() -> Vec<Vec<u8>> {
    let rgb = picture(37, 21);
    let bytes = rgb.bytes();
    let wide: Vec<u8> = bytes.iter().flat_map(|&byte| [byte, 7]).collect();
    vec![
        grey_png(28, 28, &test_images(1)[0]),
        rgb_png(&rgb),
        interlaced_png(&rgb),
        png(37, 21, ColorType::Rgb, BitDepth::Sixteen, &wide),
        png(
            14,
            28,
            ColorType::GrayscaleAlpha,
            BitDepth::Eight,
            &test_images(1)[0],
        ),
        png_with(
            56,
            28,
            ColorType::Indexed,
            BitDepth::Four,
            &test_images(1)[0],
            |info| {
                info.palette = Some((0..48).map(|value| 5 * value).collect::<Vec<u8>>().into());
                info.trns = Some([0, 128, 255][..].into());
            },
        ),
        png_with(37, 21, ColorType::Rgb, BitDepth::Eight, &bytes, |info| {
            info.exif_metadata = Some(exif(6).into());
        }),
    ]
}

fn seeds_jpeg() -> Vec<Vec<u8>> {
    let mut files = Vec::new();
    for sampling in [
        SamplingFactor::R_4_4_4,
        SamplingFactor::R_4_2_0,
        SamplingFactor::R_4_1_1,
        SamplingFactor::R_4_4_0,
    ] {
        for progressive in [false, true] {
            files.push(jpeg(&picture(37, 21), |encoder| {
                encoder.set_sampling_factor(sampling);
                encoder.set_progressive(progressive);
                encoder.set_optimized_huffman_tables(progressive);
            }));
        }
    }
    files.push(jpeg(&picture(50, 9), |encoder| {
        encoder.set_restart_interval(2);
        encoder.add_exif_metadata(&exif(5)).unwrap();
    }));
    for (color, channels) in [
        (jpeg_encoder::ColorType::Luma, 1),
        (jpeg_encoder::ColorType::Cmyk, 4),
        (jpeg_encoder::ColorType::CmykAsYcck, 4),
    ] {
        for progressive in [false, true] {
            let mut file = Vec::new();
            let mut encoder = jpeg_encoder::Encoder::new(&mut file, 80);
            encoder.set_progressive(progressive);
            let samples = test_images(4).as_flattened();
            let side = 28 * 4 / channels as u16;
            encoder
                .encode(&samples[..784 * 4], 28, side, color)
                .unwrap();
            files.push(file);
        }
    }
    files
}

/// One of the files with a few changes.
fn changed(seeds: &[Vec<u8>], is_png: bool, rng: &mut ChaCha8Rng) -> Vec<u8> {
    let mut file = pick(seeds, rng).clone();
    if rng.random_bool(0.6) {
        let parts = if is_png { chunks } else { segments };
        let mut own = parts(&file);
        for _ in 0..rng.random_range(1..4) {
            change_parts(&mut own, &parts(pick(seeds, rng).as_slice()), is_png, rng);
        }
        file = match is_png {
            true => [b"\x89PNG\r\n\x1a\n".to_vec(), own.concat()].concat(),
            false => [b"\xff\xd8".to_vec(), own.concat()].concat(),
        };
    }
    if rng.random_bool(0.5) {
        for _ in 0..rng.random_range(1..4) {
            change_bytes(&mut file, pick(seeds, rng).as_slice(), rng);
        }
    }
    file
}

fn pick<'a, T>(items: &'a [T], rng: &mut impl Rng) -> &'a T {
    &items[rng.random_range(0..items.len())]
}

fn change_bytes(file: &mut Vec<u8>, other: &[u8], rng: &mut impl Rng) {
    if file.is_empty() {
        return;
    }
    let at = rng.random_range(0..file.len());
    let end = (at + rng.random_range(1..40)).min(file.len());
    match rng.random_range(0..6) {
        0 => file[at] ^= 1 << rng.random_range(0..8),
        1 => file[at] = rng.random(),
        2 => file[at] = *pick(&[0, 1, 0x7f, 0x80, 0xff], rng),
        3 => file.truncate(at),
        4 => drop(file.drain(at..end)),
        _ => {
            let from = rng.random_range(0..other.len());
            let to = (from + rng.random_range(1..200)).min(other.len());
            file.splice(at..at, other[from..to].iter().copied());
        }
    }
}

/// Removes, repeats, moves, borrows or changes a part, and makes its checksum right again.
fn change_parts(parts: &mut Vec<Vec<u8>>, others: &[Vec<u8>], is_png: bool, rng: &mut impl Rng) {
    if parts.is_empty() {
        return;
    }
    let at = rng.random_range(0..parts.len());
    let to = rng.random_range(0..parts.len());
    match rng.random_range(0..8) {
        0 => drop(parts.remove(at)),
        1 => parts.insert(to, parts[at].clone()),
        2 => parts.swap(at, to),
        3 => parts.insert(to, pick(others, rng).clone()),
        4 => parts[at] = pick(others, rng).clone(),
        _ if is_png => change_chunk(&mut parts[at], rng),
        _ => change_segment(&mut parts[at], rng),
    }
}

/// The chunks of a PNG file.
fn chunks(file: &[u8]) -> Vec<Vec<u8>> {
    let mut chunks = Vec::new();
    let mut rest = &file[8..];
    while let Some(length) = rest.first_chunk() {
        let (chunk, after) = rest.split_at(u32::from_be_bytes(*length) as usize + 12);
        chunks.push(chunk.to_vec());
        rest = after;
    }
    chunks
}

fn change_chunk(part: &mut Vec<u8>, rng: &mut impl Rng) {
    let name = *part[4..].first_chunk().expect("it is a chunk");
    let mut data = part[8..part.len() - 4].to_vec();
    if name == *b"IDAT" && rng.random_bool(0.5) {
        // Rows of any filter and any length.
        let mut rows = vec![0; rng.random_range(0..4000)];
        rng.fill_bytes(&mut rows);
        for row in rows.chunks_mut(rng.random_range(1..120)) {
            row[0] %= 5;
        }
        data = zlib(&rows);
    } else if !data.is_empty() {
        // In a header most of the values that make sense are small.
        let at = rng.random_range(0..data.len());
        data[at] = if rng.random_bool(0.5) {
            rng.random_range(0..17)
        } else {
            rng.random()
        };
    }
    *part = chunk(&name, &data);
}

/// The segments of a JPEG file after its first two bytes, scans with the data that follows.
fn segments(file: &[u8]) -> Vec<Vec<u8>> {
    let is_marker = |pair: &[u8]| pair[0] == 0xff && !matches!(pair[1], 0 | 0xd0..=0xd7 | 0xff);
    let mut segments = Vec::new();
    let mut rest = &file[2..];
    while rest.len() > 4 {
        let length = 2 + usize::from(u16::from_be_bytes([rest[2], rest[3]]));
        let data = rest[length..].windows(2).position(is_marker).unwrap_or(0);
        let (segment, after) = rest.split_at(length + data);
        segments.push(segment.to_vec());
        rest = after;
    }
    segments.push(rest.to_vec());
    segments
}

fn change_segment(segment: &mut [u8], rng: &mut impl Rng) {
    // Before all the head: the kind, the size of the picture, sampling factors, tables, scans.
    let head = segment.len().min(24);
    let at = rng.random_range(1..head.max(2)).min(segment.len() - 1);
    segment[at] = match rng.random_range(0..4) {
        0 => rng.random_range(0..5),
        1 => *pick(&[0x11, 0x12, 0x21, 0x22, 0x14, 0x41, 0x44, 0x33], rng),
        2 => *pick(
            &[0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xda, 0xdb, 0xdd, 0xd9, 63],
            rng,
        ),
        _ => rng.random(),
    };
}

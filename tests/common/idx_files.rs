//! Writes files in the IDX format, independently of the reader.

use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::{Compression, write::GzEncoder};
use fmnist::dataset::Split;
use fmnist::dataset::manifest::Fingerprint;
use sha2::{Digest, Sha256};

/// An IDX file of 28×28 images.
pub fn images_file(pixels: &[u8]) -> Vec<u8> {
    let count = u32::try_from(pixels.len() / 784).unwrap();
    let mut file = Vec::new();
    for word in [2051, count, 28, 28] {
        file.extend(u32::to_be_bytes(word));
    }
    file.extend(pixels);
    file
}

/// An IDX file of labels.
pub fn labels_file(labels: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [2049, u32::try_from(labels.len()).unwrap()] {
        file.extend(u32::to_be_bytes(word));
    }
    file.extend(labels);
    file
}

/// A dataset of 28×28 images in a folder.
pub fn write_dataset(folder: &Path, train: &Split, test: &Split) {
    fs::create_dir_all(folder).unwrap();
    for (name, split) in [("train", train), ("t10k", test)] {
        let labels: Vec<u8> = split.labels.iter().map(|&label| label as u8).collect();
        let write = |kind: &str, bytes| fs::write(folder.join(format!("{name}-{kind}")), bytes);
        write("images-idx3-ubyte", images_file(&split.packed())).unwrap();
        write("labels-idx1-ubyte", labels_file(&labels)).unwrap();
    }
}

/// `bytes` as one gzip member.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// What tells a file of these bytes from others.
pub fn fingerprint(bytes: &[u8]) -> Fingerprint {
    let sha256 = Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Fingerprint {
        bytes: bytes.len() as u64,
        sha256,
    }
}

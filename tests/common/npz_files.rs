//! Writes NPZ files by hand, independently of the reader: as NumPy does, or with lies in their headers.

use std::io::Write;

use flate2::{Compression, Crc, write::DeflateEncoder};

/// A file in an archive, as its headers describe it.
#[derive(Clone)]
pub struct Entry {
    pub name: String,
    pub flags: u16,
    pub method: u16,
    pub crc: u32,
    pub size: u32,
    pub packed_size: u32,
    pub packed: Vec<u8>,
}

impl Entry {
    /// As `numpy.savez` stores an array.
    pub fn stored(name: &str, bytes: &[u8]) -> Self {
        let mut crc = Crc::new();
        crc.update(bytes);
        let size = u32::try_from(bytes.len()).unwrap();
        Self {
            name: name.to_owned(),
            flags: 0,
            method: 0,
            crc: crc.sum(),
            size,
            packed_size: size,
            packed: bytes.to_vec(),
        }
    }

    /// As `numpy.savez_compressed` does.
    pub fn deflated(name: &str, bytes: &[u8]) -> Self {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        let packed = encoder.finish().unwrap();
        Self {
            method: 8,
            packed_size: u32::try_from(packed.len()).unwrap(),
            packed,
            ..Self::stored(name, bytes)
        }
    }

    /// What the local and the central header have in common.
    fn fields(&self) -> Vec<u8> {
        let mut fields = Vec::new();
        // Version 2.0, midnight of the first of January 1980.
        for field in [20, self.flags, self.method, 0, 0x21] {
            fields.extend(u16::to_le_bytes(field));
        }
        for field in [self.crc, self.packed_size, self.size] {
            fields.extend(u32::to_le_bytes(field));
        }
        fields.extend(u16::to_le_bytes(u16::try_from(self.name.len()).unwrap()));
        fields
    }
}

/// An archive of these files.
pub fn zip(entries: &[Entry]) -> Vec<u8> {
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for entry in entries {
        let offset = u32::try_from(archive.len()).unwrap();
        archive.extend(b"PK\x03\x04");
        archive.extend(entry.fields());
        archive.extend([0; 2]);
        archive.extend(entry.name.bytes());
        archive.extend(&entry.packed);
        directory.extend(b"PK\x01\x02\x14\x03");
        directory.extend(entry.fields());
        directory.extend([0; 12]);
        directory.extend(offset.to_le_bytes());
        directory.extend(entry.name.bytes());
    }
    let count = u16::try_from(entries.len()).unwrap().to_le_bytes();
    let start = u32::try_from(archive.len()).unwrap();
    let size = u32::try_from(directory.len()).unwrap();
    archive.extend(directory);
    archive.extend(b"PK\x05\x06\0\0\0\0");
    archive.extend([count, count].concat());
    archive.extend([size.to_le_bytes(), start.to_le_bytes()].concat());
    archive.extend([0; 2]);
    archive
}

/// An array as `numpy.save` writes it.
pub fn npy(descr: &str, shape: &[usize], values: &[u8]) -> Vec<u8> {
    let sizes: Vec<String> = shape.iter().map(|size| format!("{size},")).collect();
    let shape = sizes.join(" ");
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}");
    npy_of(1, &header, values)
}

/// An array of this version of the format with any header.
pub fn npy_of(version: u8, header: &str, values: &[u8]) -> Vec<u8> {
    let width = if version == 1 { 2 } else { 4 };
    let length = (8 + width + header.len() + 1).next_multiple_of(64) - 8 - width;
    let mut file = b"\x93NUMPY".to_vec();
    file.extend([version, 0]);
    file.extend(&u32::try_from(length).unwrap().to_le_bytes()[..width]);
    file.extend(format!("{header:<width$}\n", width = length - 1).bytes());
    file.extend(values);
    file
}

//! Makes pictures, and files of them, independently of what reads them.

use std::io::Write;
use std::path::Path;
use std::sync::OnceLock;

use flate2::{Compression, write::ZlibEncoder};
use fmnist::dataset::{FASHION_MNIST_SHAPE, idx};
use fmnist::picture::{self, Background, Picture};
use jpeg_encoder::{ColorType, Encoder};

use super::data_dir;

/// The first `count` test images of the real data.
pub fn test_images(count: usize) -> &'static [[u8; 784]] {
    static IMAGES: OnceLock<Vec<[u8; 784]>> = OnceLock::new();
    &IMAGES.get_or_init(read_test_images)[..count]
}

fn read_test_images() -> Vec<[u8; 784]> {
    let path = data_dir().join("t10k-images-idx3-ubyte.gz");
    let file = std::fs::read(path).expect("the real data can be read");
    let pixels =
        idx::read_images(&mut &file[..], "t10k", FASHION_MNIST_SHAPE).expect("it is whole");
    let (images, _) = pixels.as_chunks();
    images.to_vec()
}

/// Decodes a file as `predict` does.
pub fn decode(bytes: &[u8], file: &str) -> anyhow::Result<Picture> {
    picture::decode(bytes, file, Background::Contrast).map(|(picture, _)| picture)
}

/// A coloured picture.
#[derive(Clone)]
pub struct Rgb {
    pub width: usize,
    pub height: usize,
    /// `width × height` pixels.
    pub pixels: Vec<[u8; 3]>,
}

impl Rgb {
    pub fn bytes(&self) -> Vec<u8> {
        self.pixels.as_flattened().to_vec()
    }

    /// The picture turned by a quarter clockwise.
    pub fn turned(&self) -> Self {
        let pixels = (0..self.width)
            .flat_map(|x| (0..self.height).rev().map(move |y| (x, y)))
            .map(|(x, y)| self.pixels[y * self.width + x])
            .collect();
        Self {
            width: self.height,
            height: self.width,
            pixels,
        }
    }
}

/// How an image of the dataset is made into a picture.
#[derive(Clone, Copy)]
pub struct Scene {
    /// Times the size.
    pub scale: usize,
    /// Pixels left, above, right and below.
    pub margins: [usize; 4],
    /// Colour where the image is black.
    pub background: [u8; 3],
    /// Colour where the image is white.
    pub object: [u8; 3],
}

/// Dark on white, like a photograph for a shop.
pub const SHOP: Scene = Scene {
    scale: 10,
    margins: [60, 25, 110, 40],
    background: [255; 3],
    object: [0; 3],
};

/// Scales an image up by linear interpolation, and paints it.
pub fn paint(image: &[u8; 784], scene: Scene) -> Rgb {
    let side = 28 * scene.scale;
    let [left, top, right, bottom] = scene.margins;
    let (width, height) = (left + side + right, top + side + bottom);
    let mut pixels = vec![scene.background; width * height];
    // Two neighbours and how far towards the second one.
    let between = |at: usize| {
        let at = ((at as f64 + 0.5) / scene.scale as f64 - 0.5).clamp(0.0, 27.0);
        (at as usize, (at as usize + 1).min(27), at.fract())
    };
    for y in 0..side {
        for x in 0..side {
            let ((x0, x1, tx), (y0, y1, ty)) = (between(x), between(y));
            let pixel = |x: usize, y: usize| f64::from(image[y * 28 + x]);
            let above = pixel(x0, y0) * (1.0 - tx) + pixel(x1, y0) * tx;
            let below = pixel(x0, y1) * (1.0 - tx) + pixel(x1, y1) * tx;
            let share = (above * (1.0 - ty) + below * ty) / 255.0;
            pixels[(top + y) * width + left + x] = std::array::from_fn(|channel| {
                let (from, to) = (scene.background[channel], scene.object[channel]);
                (f64::from(from) * (1.0 - share) + f64::from(to) * share).round() as u8
            });
        }
    }
    Rgb {
        width,
        height,
        pixels,
    }
}

/// A PNG file of samples as the colour type and the depth take them.
pub fn png(
    width: usize,
    height: usize,
    color: png::ColorType,
    depth: png::BitDepth,
    samples: &[u8],
) -> Vec<u8> {
    png_with(width, height, color, depth, samples, |_| ())
}

/// The same of an [`png::Info`] that `change` has been at.
pub fn png_with(
    width: usize,
    height: usize,
    color: png::ColorType,
    depth: png::BitDepth,
    samples: &[u8],
    change: impl FnOnce(&mut png::Info),
) -> Vec<u8> {
    let mut info = png::Info::with_size(width as u32, height as u32);
    info.color_type = color;
    info.bit_depth = depth;
    change(&mut info);
    let mut file = Vec::new();
    let encoder = png::Encoder::with_info(&mut file, info).expect("the info is consistent");
    let mut writer = encoder.write_header().expect("memory can be written");
    writer.write_image_data(samples).expect("so many samples");
    writer.finish().expect("memory can be written");
    file
}

/// A colour PNG file.
pub fn rgb_png(picture: &Rgb) -> Vec<u8> {
    png(
        picture.width,
        picture.height,
        png::ColorType::Rgb,
        png::BitDepth::Eight,
        &picture.bytes(),
    )
}

/// A grey PNG file.
pub fn grey_png(width: usize, height: usize, samples: &[u8]) -> Vec<u8> {
    png(
        width,
        height,
        png::ColorType::Grayscale,
        png::BitDepth::Eight,
        samples,
    )
}

/// A colour PNG file in the seven passes of Adam7 (PNG specification, section 8.1).
pub fn interlaced_png(picture: &Rgb) -> Vec<u8> {
    let mut rows = Vec::new();
    for (x, y, step_x, step_y) in [
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    ] {
        for y in (y..picture.height).step_by(step_y) {
            let row = &picture.pixels[y * picture.width..][..picture.width];
            rows.push(0); // no filter
            rows.extend(row.iter().skip(x).step_by(step_x).flatten());
        }
    }
    let mut header = Vec::new();
    header.extend((picture.width as u32).to_be_bytes());
    header.extend((picture.height as u32).to_be_bytes());
    header.extend([8, 2, 0, 0, 1]);
    let parts = [
        b"\x89PNG\r\n\x1a\n".to_vec(),
        chunk(b"IHDR", &header),
        chunk(b"IDAT", &zlib(&rows)),
        chunk(b"IEND", &[]),
    ];
    parts.concat()
}

/// `bytes` compressed as PNG files hold them.
pub fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory can be written");
    encoder.finish().expect("memory can be written")
}

/// A JPEG file of quality 90.
pub fn jpeg(picture: &Rgb, change: impl FnOnce(&mut Encoder<&mut Vec<u8>>)) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, 90);
    change(&mut encoder);
    encoder
        .encode(
            &picture.bytes(),
            picture.width as u16,
            picture.height as u16,
            ColorType::Rgb,
        )
        .expect("the picture can be encoded");
    file
}

/// EXIF data, as a TIFF structure, of nothing but an orientation.
pub fn exif(orientation: u8) -> Vec<u8> {
    exif_of(orientation, 3, true)
}

/// The same with an orientation of this type (1, 3 or 4 for one, two or four bytes).
pub fn exif_of(orientation: u8, kind: u8, big_endian: bool) -> Vec<u8> {
    let number = |value: u8, size: usize| {
        let mut bytes = [&[0; 3][..size - 1], &[value]].concat();
        if !big_endian {
            bytes.reverse();
        }
        bytes
    };
    let size = [1, 1, 1, 2, 4][usize::from(kind)];
    let mut value = number(orientation, size);
    value.resize(4, 0);
    let mut tag = vec![1, 0x12];
    if !big_endian {
        tag.reverse();
    }
    [
        if big_endian { b"MM" } else { b"II" }.to_vec(),
        [number(42, 2), number(8, 4), number(1, 2)].concat(),
        [tag, number(kind, 2), number(1, 4), value].concat(),
        vec![0; 4],
    ]
    .concat()
}

/// XMP data of an orientation.
pub fn xmp(orientation: u8) -> Vec<u8> {
    let description = format!(r#"<rdf:Description tiff:Orientation="{orientation}"/>"#);
    format!("<x:xmpmeta><rdf:RDF>{description}</rdf:RDF></x:xmpmeta>").into_bytes()
}

/// Data as ImageMagick puts them into the text of a PNG file.
pub fn raw_profile(name: &str, data: &[u8]) -> Vec<u8> {
    let mut text = format!("\n{name}\n{:8}", data.len());
    for line in data.chunks(36) {
        text.push('\n');
        text.extend(line.iter().map(|byte| format!("{byte:02x}")));
    }
    (text + "\n").into_bytes()
}

/// A PNG file with more chunks before its pixels or, if `late`, behind them.
pub fn with_chunks(png: &[u8], chunks: &[u8], late: bool) -> Vec<u8> {
    let name: &[u8] = if late { b"IEND" } else { b"IDAT" };
    let at = png.windows(4).position(|part| part == name);
    let (before, after) = png.split_at(at.expect("it has such a chunk") - 4);
    [before, chunks, after].concat()
}

/// A file of the corpus.
pub fn corpus(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/picture");
    std::fs::read(folder.join(name)).expect("the corpus has it")
}

/// A chunk of a PNG file.
pub fn chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut crc = flate2::Crc::new();
    crc.update(name);
    crc.update(data);
    let mut chunk = (data.len() as u32).to_be_bytes().to_vec();
    chunk.extend(name);
    chunk.extend(data);
    chunk.extend(crc.sum().to_be_bytes());
    chunk
}

/// Cosine of the angle between two images, 1 if they are the same but for brightness.
pub fn cosine(a: &[u8; 784], b: &[u8; 784]) -> f64 {
    let dot = |a: &[u8; 784], b: &[u8; 784]| -> f64 {
        let products = a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b));
        products.sum()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt().max(1.0)
}

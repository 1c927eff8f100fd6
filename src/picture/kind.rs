//! The kind of a file, by its first bytes, whatever its name.

use serde::{Deserialize, Serialize};

/// How many of a file's first bytes tell it.
pub(super) const HEAD: usize = 512;

/// The formats of pictures that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Format {
    /// Windows bitmap.
    Bmp,
    /// GIF, of which the first frame is taken.
    Gif,
    /// JPEG, baseline or progressive.
    Jpeg,
    /// PNG.
    Png,
    /// TIFF, of which the first picture is taken.
    Tiff,
    /// WebP, with or without loss.
    WebP,
}

impl Format {
    /// As people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bmp => "BMP",
            Self::Gif => "GIF",
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::Tiff => "TIFF",
            Self::WebP => "WebP",
        }
    }
}

/// What people give for a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A picture that is read.
    Picture(Format),
    /// A picture that has to be converted, in words.
    Foreign(&'static str),
    /// No picture, in words.
    Other(&'static str),
}

/// What a file with these first bytes is; none if that is none of the above.
pub(super) fn kind(head: &[u8]) -> Option<Kind> {
    const FIRST: [(&[u8], Kind); 21] = [
        (b"\x89PNG\r\n\x1a\n", Kind::Picture(Format::Png)),
        (b"\xff\xd8\xff", Kind::Picture(Format::Jpeg)),
        (b"GIF87a", Kind::Picture(Format::Gif)),
        (b"GIF89a", Kind::Picture(Format::Gif)),
        (b"II*\0\x10\0\0\0CR", RAW),
        (b"II*\0", Kind::Picture(Format::Tiff)),
        (b"MM\0*", Kind::Picture(Format::Tiff)),
        (b"II+\0", BIG_TIFF),
        (b"MM\0+", BIG_TIFF),
        (b"IIU\0", RAW),
        (b"IIRO", RAW),
        (b"IIRS", RAW),
        (b"MMOR", RAW),
        (b"FUJIFILMCCD-RAW", RAW),
        (b"8BPS", Kind::Foreign("a Photoshop picture")),
        (b"\xff\x0a", JPEG_XL),
        (b"\0\0\0\x0cJXL \r\n", JPEG_XL),
        (b"\0\0\0\x0cjP  \r\n", Kind::Foreign("a JPEG 2000 picture")),
        (b"\0\0\x01\0", Kind::Foreign("an icon (ICO)")),
        (b"%PDF-", Kind::Other("a PDF document")),
        (b"\0\x05\x16\x07", Kind::Other(APPLE_DOUBLE)),
    ];
    const RAW: Kind = Kind::Foreign("a camera's raw picture");
    const BIG_TIFF: Kind = Kind::Foreign("a BigTIFF picture");
    const JPEG_XL: Kind = Kind::Foreign("a JPEG XL picture");
    const APPLE_DOUBLE: &str = "what macOS notes about another file (AppleDouble)";

    if let Some((_, kind)) = FIRST.iter().find(|(first, _)| head.starts_with(first)) {
        return Some(*kind);
    }
    if head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP") {
        return Some(Kind::Picture(Format::WebP));
    }
    // Text may begin with these letters too; the size of the header that follows is one of a few.
    if head.starts_with(b"BM")
        && let Some([12 | 16 | 40 | 52 | 56 | 64 | 108 | 124, 0, 0, 0]) = head.get(14..18)
    {
        return Some(Kind::Picture(Format::Bmp));
    }
    if head.get(4..8) == Some(b"ftyp") {
        return match head.get(8..12)? {
            b"avif" | b"avis" => Some(Kind::Foreign("an AVIF picture")),
            b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"mif1" | b"msf1" => {
                Some(Kind::Foreign("a HEIC picture"))
            }
            b"crx " => Some(RAW),
            _ => None,
        };
    }
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let is_in = |word: &[u8]| text.windows(word.len()).any(|part| part == word);
    if text.trim_ascii_start().starts_with(b"<") {
        if is_in(b"<svg") && !is_in(b"<html") {
            return Some(Kind::Foreign("an SVG drawing"));
        }
        if is_in(b"<html") || is_in(b"<!DOCTYPE html") || is_in(b"<!doctype html") {
            return Some(Kind::Other("a web page"));
        }
    }
    None
}

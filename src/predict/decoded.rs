//! What the decoders of all formats give, refuse and say.

use anyhow::{Error, Result, anyhow, ensure};

use super::kind::Format;

/// The most pixels a picture may have, width times height: what phones' cameras make. Decoding one
/// takes at most 1 GiB.
pub const MAX_PIXELS: u64 = 50_000_000;

/// What a decoder makes of a file.
pub(super) struct Decoded {
    pub width: usize,
    pub height: usize,
    /// 1 grey, 2 grey and alpha, 3 red, green and blue, 4 these and alpha.
    pub channels: usize,
    /// `width × height × channels` bytes.
    pub samples: Vec<u8>,
    /// EXIF's tag of that name, 1 to 8.
    pub orientation: Option<u8>,
}

/// The error of a file that does not hold all of its picture.
pub(super) fn cut_off(file: &str, format: Format) -> Error {
    let format = format.name();
    anyhow!("{file} is cut off: the last part of its {format} data is missing — copy it again")
}

/// The error of a file that breaks the rules of its format.
pub(super) fn damaged(file: &str, format: Format) -> Error {
    let format = format.name();
    anyhow!("{file} cannot be decoded as {format}: it is damaged — copy or save it again")
}

/// The error of a picture of a kind that is not read, in words.
pub(super) fn foreign(file: &str, what: &str) -> Error {
    anyhow!("{file} is {what}, which is not read — convert it to PNG or JPEG")
}

/// Refuses pictures that are too large; the width and the height otherwise.
pub(super) fn checked_size(width: u32, height: u32, file: &str) -> Result<(usize, usize)> {
    ensure!(
        u64::from(width) * u64::from(height) <= MAX_PIXELS,
        "{file} has {width}×{height} pixels, but at most {} million are read — scale it down",
        MAX_PIXELS / 1_000_000
    );
    Ok((usize::try_from(width)?, usize::try_from(height)?))
}

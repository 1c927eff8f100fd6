//! The augmentations of an image, and how often each is applied.

use serde::{Deserialize, Serialize};

use crate::dataset::ImageShape;

/// Random changes to the images of a batch. The default changes nothing.
///
/// An image is cropped, flipped, shifted, changed in its colours and erased in this order; then it may be mixed
/// with another image of its batch, which was changed likewise. Percentages are probabilities per
/// image but for `crop` and `color`, and what is above 100 counts as 100.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Augment {
    /// How much of an image's width and of its height may be cut off, in percent: what is left, a rectangle
    /// anywhere in the image whose sides are uniform in 1 - `crop` / 100 to 1 of the image's, is enlarged to
    /// the image's size (bilinear). Things come nearer, move, and grow wider or taller: what torchvision's
    /// `RandomResizedCrop` does. More than [`MAX_CROP`] counts as that.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub crop: u8,
    /// Mirror left to right, with probability 1/2.
    pub flip: bool,
    /// Shift by up to so many pixels, in x and in y: uniform in `-shift..=shift`. What comes in
    /// is background, 0. More than the smaller side of an image counts as that.
    pub shift: u8,
    /// Percentage of images of which a rectangle is erased: "Random Erasing Data Augmentation"
    /// (Zhong et al., 2020). It becomes background, 0: the paper's random bytes trained no better
    /// here.
    pub erase: u8,
    /// Largest side of the erased rectangle in pixels. Width and height are uniform in
    /// `1..=erase_side`, its place is uniform among all that lie in the image. More than the smaller
    /// side of an image counts as that.
    pub erase_side: u8,
    /// Percentage of images of which a rectangle of their own proportions shows another image instead:
    /// "CutMix" (Yun et al., 2019). Its area is a share of the whole that is uniform in 0 to 1, its centre is any pixel,
    /// and what lies outside is cut off. Targets are mixed by the pixels that each image has in the
    /// result.
    pub cutmix: u8,
    /// Percentage of images that are blended with another: "mixup" (Zhang et al., 2018), with
    /// weights uniform in 0 to 1 (the paper's α = 1). An image is either cut or blended: where the
    /// two percentages exceed 100 together, this one is what `cutmix` leaves.
    pub mixup: u8,
    /// How far brightness, contrast and tint change, in percent: what torchvision's `ColorJitter` does
    /// with a brightness and a contrast of a hundredth of it, each channel by itself.
    ///
    /// Differences from the channel's mean over the training images are multiplied by a contrast, then
    /// all values by a brightness, both uniform in 1 ± `color` / 100. Of images in three channels the
    /// first and the last, red and blue, are also multiplied by a tint each, uniform in 1 ± `color` / 200:
    /// a camera's white balance. Background that comes in by a shift stays 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub color: u8,
}

fn is_zero(percent: &u8) -> bool {
    *percent == 0
}

/// The largest [`crop`](Augment::crop): four times as large is not to be known again.
pub const MAX_CROP: u8 = 75;

impl Augment {
    /// Leaves the images as they are.
    pub const NONE: Self = Self {
        crop: 0,
        flip: false,
        shift: 0,
        erase: 0,
        erase_side: 0,
        cutmix: 0,
        mixup: 0,
        color: 0,
    };

    /// The same within the limits that the kernels rely on.
    pub(super) fn clamped(self, shape: ImageShape) -> Self {
        let side = u8::try_from(shape.height.min(shape.width)).unwrap_or(u8::MAX);
        Self {
            crop: self.crop.min(MAX_CROP),
            shift: self.shift.min(side),
            erase: if self.erase_side == 0 { 0 } else { self.erase },
            erase_side: self.erase_side.min(side),
            color: self.color.min(100),
            ..self
        }
    }
}

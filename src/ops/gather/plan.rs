//! What to launch for a batch.
//!
//! The kernel's file, `shaders/gather/batch.wgsl`, says what it computes and in which order it
//! binds its buffers.

use super::Selection;
use super::random::{CUT, ERASE, MIX, POSE};
use crate::dataset::{CLASSES, SIDE};
use crate::ops::wgsl::{Launch, grid, template};

const INVOCATIONS: usize = 64;

/// A batch of so many images. One pipeline serves all: what differs is in [`parameters`].
pub fn batch(len: usize) -> Launch {
    Launch {
        name: "gather/batch",
        template: template!("random/pcg4d", "gather/batch"),
        values: vec![
            ("side", SIDE),
            ("classes", CLASSES),
            ("pose", POSE as usize),
            ("erase", ERASE as usize),
            ("mix", MIX as usize),
            ("cut", CUT as usize),
            ("invocations", INVOCATIONS),
        ],
        grid: grid([len, 1, 1]),
    }
}

/// The fields of the shader's `Selection`, in order.
pub fn parameters(selection: &Selection) -> [u32; 12] {
    let augment = selection.augment.clamped();
    [
        selection.first,
        selection.len,
        selection.key[0],
        selection.key[1],
        augment.flip.into(),
        augment.shift.into(),
        augment.erase.into(),
        augment.erase_side.into(),
        augment.cutmix.into(),
        augment.mixup.into(),
        selection.normalization.offset().into(),
        selection.normalization.factor().to_bits(),
    ]
}

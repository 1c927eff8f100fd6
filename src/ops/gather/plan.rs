//! What to launch for a batch.
//!
//! The kernel's file, `shaders/gather/batch.wgsl`, says what it computes and in which order it
//! binds its buffers.

use super::random::{CUT, ERASE, MIX, POSE};
use super::{Form, Selection};
use crate::dataset::ImageShape;
use crate::ops::wgsl::{Launch, grid, template};

const INVOCATIONS: usize = 64;

/// A batch of so many images. One pipeline serves all of a dataset: what differs is in [`parameters`].
pub fn batch(form: Form, len: usize) -> Launch {
    let ImageShape {
        channels,
        height,
        width,
    } = form.shape;
    Launch {
        name: "gather/batch",
        template: template!("random/pcg4d", "gather/batch"),
        values: vec![
            ("channels", channels),
            ("height", height),
            ("width", width),
            ("classes", form.classes),
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
pub fn parameters(selection: &Selection, shape: ImageShape) -> [u32; 12] {
    let augment = selection.augment.clamped(shape);
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

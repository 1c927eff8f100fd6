//! What to launch for a batch.
//!
//! The kernel's file, `shaders/gather/batch.wgsl`, says what it computes and in which order it
//! binds its buffers.

use super::Selection;
use super::random::{COLOR, CROP, CUT, ERASE, MIX, POSE};
use crate::dataset::{ImageShape, MAX_CHANNELS, Spec};
use crate::device::AdapterClass;
use crate::ops::wgsl::{Launch, grid, template};

/// Invocations of an image on software adapters, where each costs something by itself, and on others, where a
/// batch is too few workgroups to hide what they wait for.
const INVOCATIONS: [usize; 2] = [64, 256];
/// Words of the shader's `Selection`.
pub const PARAMETERS: usize = 14 + 3 * MAX_CHANNELS;

/// A batch of so many images. One pipeline serves all of a dataset: what differs is in [`parameters`].
pub fn batch(spec: &Spec, len: usize, class: AdapterClass) -> Launch {
    let ImageShape {
        channels,
        height,
        width,
    } = spec.shape;
    let [software, other] = INVOCATIONS;
    let invocations = match class {
        AdapterClass::Software => software,
        AdapterClass::Integrated | AdapterClass::Discrete => other,
    };
    Launch {
        name: "gather/batch",
        template: template!("random/pcg4d", "gather/batch"),
        values: vec![
            ("channels", channels),
            ("height", height),
            ("width", width),
            ("classes", spec.classes),
            ("pose", POSE as usize),
            ("erase", ERASE as usize),
            ("mix", MIX as usize),
            ("cut", CUT as usize),
            ("color", COLOR as usize),
            ("crop", CROP as usize),
            ("invocations", invocations),
        ],
        grid: grid([len, 1, 1]),
    }
}

/// The fields of the shader's `Selection`, in order.
pub fn parameters(selection: &Selection, spec: &Spec) -> [u32; PARAMETERS] {
    let augment = selection.augment.clamped(spec.shape);
    let scales = spec
        .channels
        .map(|channel| selection.normalization.scale(channel));
    let [first, second, third] = scales;
    let means = spec.channels.map(|channel| channel.mean.into());
    [
        selection.first,
        selection.len,
        selection.key[0],
        selection.key[1],
        augment.crop.into(),
        augment.flip.into(),
        augment.shift.into(),
        augment.erase.into(),
        augment.erase_side.into(),
        augment.cutmix.into(),
        augment.mixup.into(),
        augment.color.into(),
        first.offset.into(),
        second.offset.into(),
        third.offset.into(),
        first.factor().to_bits(),
        second.factor().to_bits(),
        third.factor().to_bits(),
        means[0],
        means[1],
        means[2],
        selection.part.is_some().into(),
        selection.part.unwrap_or_default(),
    ]
}

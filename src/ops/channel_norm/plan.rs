//! What to launch for the normalisation.
//!
//! The kernels' files, in `shaders/channel_norm/`, say what they compute and in which order they bind
//! their buffers.

use super::EPSILON;
use crate::device::AdapterClass;
use crate::ops::wgsl::{Launch, grid, template};

const INVOCATIONS: usize = 256;
/// Workgroups that each processor should have, as far as there are values.
const WORKGROUPS_OF_PROCESSOR: usize = 2;
/// Values of a part, at least: four for each invocation.
const MIN_PART: usize = 4 * INVOCATIONS;

/// One kernel in which each channel has a workgroup, or, where processors are many, two in which it has several.
pub struct Plan {
    /// Sums over the parts of channels.
    pub sums: Option<Sums>,
    /// What is made with them.
    pub result: Launch,
}

/// Sums over parts of channels, `[channels, splits]`.
pub struct Sums {
    /// Takes them.
    pub launch: Launch,
    /// Their number.
    pub len: usize,
}

/// Factors and output.
///
/// Simulated for an H100 (µs, batch 128), with a workgroup for each channel, and in parts:
///
/// | | forward | backward |
/// | --- | --- | --- |
/// | 32 channels, 14×14 | 21.3, 4.0 | 22.0, 4.1 |
/// | 64 channels, 7×7 | 6.2, 2.3 | 6.3, 2.4 |
pub fn forward(dims: [usize; 4], class: AdapterClass) -> Plan {
    match splits(dims, class) {
        1 => Plan {
            sums: None,
            result: launch(
                "channel_norm/forward",
                template!(
                    "channel_norm/channel",
                    "reduce/tree_sum",
                    "channel_norm/forward"
                ),
                dims,
                1,
            ),
        },
        splits => Plan {
            sums: Some(sums(
                "channel_norm/squares",
                template!(
                    "channel_norm/channel",
                    "reduce/tree_sum",
                    "channel_norm/part",
                    "channel_norm/squares"
                ),
                dims,
                splits,
            )),
            result: launch(
                "channel_norm/scale",
                template!(
                    "channel_norm/channel",
                    "channel_norm/part",
                    "channel_norm/scale"
                ),
                dims,
                splits,
            ),
        },
    }
}

/// The gradient of the input.
pub fn backward(dims: [usize; 4], class: AdapterClass) -> Plan {
    match splits(dims, class) {
        1 => Plan {
            sums: None,
            result: launch(
                "channel_norm/backward",
                template!(
                    "channel_norm/channel",
                    "reduce/tree_sum",
                    "channel_norm/backward"
                ),
                dims,
                1,
            ),
        },
        splits => Plan {
            sums: Some(sums(
                "channel_norm/products",
                template!(
                    "channel_norm/channel",
                    "reduce/tree_sum",
                    "channel_norm/part",
                    "channel_norm/products"
                ),
                dims,
                splits,
            )),
            result: launch(
                "channel_norm/gradient",
                template!(
                    "channel_norm/channel",
                    "channel_norm/part",
                    "channel_norm/gradient"
                ),
                dims,
                splits,
            ),
        },
    }
}

/// Parts of a channel.
fn splits([batch, channels, height, width]: [usize; 4], class: AdapterClass) -> usize {
    let Some(processors) = class.processors() else {
        return 1;
    };
    let wanted = (WORKGROUPS_OF_PROCESSOR * processors).div_ceil(channels);
    wanted.clamp(1, (batch * height * width / MIN_PART).max(1))
}

fn sums(name: &'static str, template: &'static str, dims: [usize; 4], splits: usize) -> Sums {
    Sums {
        launch: launch(name, template, dims, splits),
        len: dims[1] * splits,
    }
}

fn launch(name: &'static str, template: &'static str, dims: [usize; 4], splits: usize) -> Launch {
    let [batch, channels, height, width] = dims;
    let mut values = vec![
        ("batch", batch),
        ("channels", channels),
        ("plane", height * width),
        ("epsilon_bits", EPSILON.to_bits() as usize),
        ("invocations", INVOCATIONS),
    ];
    if splits > 1 {
        values.push(("splits", splits));
    }
    Launch {
        name,
        template,
        values,
        grid: grid([channels, splits, 1]),
    }
}

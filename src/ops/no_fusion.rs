//! Burn's `fusion` feature, which this crate does not work with: a clear sentence among the errors of
//! whoever turns it on.

use burn_cubecl::{Cube, CubeBackend};

/// The GPU backend for which the operations are implemented.
#[diagnostic::on_unimplemented(
    message = "fmnist does not support the feature `fusion` of Burn",
    label = "with it Burn wraps the GPU backend, for which fmnist implements its operations",
    note = "leave `fusion` out of the features of `burn`, `burn-wgpu` and `burn-cubecl`"
)]
trait Unfused {}

impl Unfused for CubeBackend {}

const fn of<B: Unfused>() {}

const _: () = of::<Cube>();

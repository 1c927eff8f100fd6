//! The ceilings on `burn-wgpu`: the kernels in `shaders/bench/`.

use burn::backend::TensorMetadata;
use burn::backend::tensor::FloatTensor;
use burn_wgpu::{CubeBackend, CubeTensor, into_contiguous};

use super::{CeilingKernels, GRANULE, ROUNDS, SLOWNESS};
use crate::ops::wgsl::{Launch, MAX_GRID, grid, launch, make_exclusive, template};

/// Numbers in a vector.
const VECTOR: usize = 4;
const INVOCATIONS: usize = 64;

/// Multiply-adds on so many pairs of vectors.
pub(crate) fn multiply_add(pairs: usize) -> Launch {
    Launch {
        name: "bench/multiply_add",
        template: template!("bench/multiply_add"),
        values: vec![
            ("pairs", pairs),
            ("rounds", ROUNDS),
            ("slowness", SLOWNESS),
            ("invocations", INVOCATIONS),
        ],
        grid: grid([pairs.div_ceil(INVOCATIONS), 1, 1]),
    }
}

/// A copy of so many vectors.
pub(crate) fn copy(vectors: usize) -> Launch {
    let groups = vectors.div_ceil(INVOCATIONS).min(MAX_GRID as usize);
    Launch {
        name: "bench/copy",
        template: template!("bench/copy"),
        values: vec![("vectors", vectors), ("invocations", INVOCATIONS)],
        grid: grid([groups, 1, 1]),
    }
}

impl CeilingKernels for CubeBackend {
    fn multiply_add(values: FloatTensor<Self>) -> FloatTensor<Self> {
        let pairs = vectors(&values) / 2;
        let mut values = into_contiguous(values);
        make_exclusive(&mut values);
        launch(multiply_add(pairs), &[&values]);
        values
    }

    fn copy(source: FloatTensor<Self>, destination: FloatTensor<Self>) -> FloatTensor<Self> {
        let vectors = vectors(&source);
        assert_eq!(destination.shape(), source.shape(), "shapes");
        let [source, mut destination] = [source, destination].map(into_contiguous);
        make_exclusive(&mut destination);
        launch(copy(vectors), &[&source, &destination]);
        destination
    }
}

fn vectors(values: &CubeTensor) -> usize {
    let len = values.shape().num_elements();
    assert!(len.is_multiple_of(GRANULE), "{len} values");
    len / VECTOR
}

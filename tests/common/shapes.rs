//! The shapes on which operations are tested and timed.

use fmnist::ops::conv_relu_pool::BlockShape;

/// `[batch, in_channels, out_channels, height, width, kernel, pool]`.
const SHAPES: [[usize; 7]; 34] = [
    [1, 1, 1, 2, 2, 3, 2],
    [2, 1, 1, 3, 3, 3, 2],
    [1, 1, 32, 28, 28, 3, 2],
    [3, 3, 5, 7, 7, 3, 2],
    [2, 3, 5, 5, 9, 3, 2],
    [2, 1, 5, 13, 7, 5, 2],
    [1, 6, 10, 13, 13, 3, 2],
    [3, 6, 10, 7, 12, 5, 2],
    [1, 32, 64, 14, 14, 3, 2],
    [2, 32, 33, 9, 6, 5, 2],
    [1, 64, 33, 7, 7, 3, 2],
    [2, 17, 4, 6, 34, 3, 2],
    [8, 1, 32, 28, 28, 3, 2],
    [8, 32, 64, 14, 14, 3, 2],
    [3, 3, 32, 32, 32, 3, 2],
    [2, 3, 32, 64, 64, 3, 2],
    [1, 3, 32, 128, 128, 3, 2],
    [2, 64, 128, 16, 16, 3, 2],
    [1, 1, 1, 1, 1, 3, 1],
    [2, 1, 1, 3, 2, 3, 1],
    [3, 3, 5, 7, 7, 3, 1],
    [2, 1, 5, 13, 7, 5, 1],
    [3, 6, 10, 7, 12, 5, 1],
    [1, 9, 33, 9, 6, 5, 1],
    [1, 64, 33, 7, 7, 3, 1],
    [2, 17, 4, 6, 35, 3, 1],
    [3, 1, 32, 28, 28, 3, 1],
    [5, 32, 64, 14, 14, 3, 1],
    [2, 3, 64, 32, 32, 3, 1],
    [2, 64, 64, 16, 16, 3, 1],
    // For an integrated GPU in tiles of 8×8 quads, then of 8×4.
    [1, 33, 35, 65, 64, 3, 2],
    [1, 33, 35, 65, 63, 3, 1],
    [1, 33, 35, 57, 56, 3, 2],
    [1, 33, 35, 57, 55, 3, 1],
];

/// `[batch, inputs, outputs]` of fully connected layers: the models' own, partial batches, and odd sizes.
pub const LAYERS: [[usize; 3]; 9] = [
    [1, 1, 1],
    [2, 3, 5],
    [7, 17, 10],
    [128, 128, 10],
    [48, 784, 128],
    [5, 100, 33],
    [33, 31, 129],
    [9, 3136, 128],
    [130, 65, 66],
];

/// `[batch, channels, height, width]` of what is normalised.
pub const NORMS: [[usize; 4]; 6] = [
    [128, 32, 14, 14],
    [9, 5, 17, 23],
    [24, 64, 7, 7],
    [1, 1, 1, 1],
    [3, 5, 2, 9],
    [7, 33, 3, 3],
];

/// `[channels, height, width, classes]` of images: rows that end within a word, in colour or not; images that do;
/// shapes that are not square; more classes than a workgroup has invocations; the largest image.
pub const IMAGES: [[usize; 4]; 6] = [
    [3, 9, 13, 100],
    [1, 13, 9, 2],
    [3, 8, 30, 255],
    [3, 32, 32, 10],
    [1, 11, 64, 65],
    [3, 256, 256, 3],
];

/// Every shape of a block in the table: small, odd, one channel and many, both kernels, sizes that are no
/// multiple of any tile, and those of coloured images, with and without a pool.
pub fn all() -> impl Iterator<Item = BlockShape> {
    SHAPES.into_iter().map(shape)
}

/// The two blocks of the convolutional network.
pub fn of_model(batch: usize) -> [BlockShape; 2] {
    [
        shape([batch, 1, 32, 28, 28, 3, 2]),
        shape([batch, 32, 64, 14, 14, 3, 2]),
    ]
}

fn shape(
    [
        batch,
        in_channels,
        out_channels,
        height,
        width,
        kernel,
        pool,
    ]: [usize; 7],
) -> BlockShape {
    BlockShape {
        batch,
        in_channels,
        out_channels,
        height,
        width,
        kernel,
        pool,
    }
}

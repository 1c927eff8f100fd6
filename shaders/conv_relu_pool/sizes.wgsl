// The sizes of a call of the block, for all its kernels.

const IN_CHANNELS: u32 = {{ in_channels }};
const OUT_CHANNELS: u32 = {{ out_channels }};
const HEIGHT: u32 = {{ height }};
const WIDTH: u32 = {{ width }};
const KERNEL: u32 = {{ kernel }};
// Side and stride of the pool's windows; 1 where there is no pool.
const POOL: u32 = {{ pool }};

const PADDING: u32 = KERNEL / 2;
const TAPS: u32 = KERNEL * KERNEL;
// The output's size.
const POOLED_HEIGHT: u32 = HEIGHT / POOL;
const POOLED_WIDTH: u32 = WIDTH / POOL;
const POOLED: u32 = POOLED_HEIGHT * POOLED_WIDTH;
// 2x2 blocks of the convolution's outputs; with a pool these are its windows.
const OUTPUT_BLOCKS_DOWN: u32 = (POOL * POOLED_HEIGHT + 1) / 2;
const OUTPUT_BLOCKS_ACROSS: u32 = (POOL * POOLED_WIDTH + 1) / 2;
const ARGMAX_WORDS: u32 = (OUT_CHANNELS + 3) / 4;

// The argmax of an output whose ReLU is inactive.
const INACTIVE: u32 = {{ inactive }};

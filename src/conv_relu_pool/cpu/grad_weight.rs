//! Gradients of weights and bias, from the open windows only.
//!
//! Of a window's four convolution values at most one has a gradient, none where the ReLU is closed:
//! a quarter of the dense multiply-adds at most. For each image and output channel the open windows
//! are compressed into a list of gradients and patch offsets. Then the patch of the input at each
//! entry, scaled by its gradient, is added to the channel's gradient, which stays in registers.
//!
//! A patch is a few runs of adjacent values ([`Patches`]): with many input channels `k` runs of a
//! pixel-major image, with few one run of a matrix that holds the patch of every position (im2col),
//! so that vectors are filled either way.
//!
//! Each chunk of images has its own partial sums; they are added up in the order of the chunks.

use super::CLOSED;
use super::layout::{pad_planes, transpose};
use super::open_list::OpenList;
use super::scratch::{self, LINE, cut, padded};
use super::simd::{Isa, Kernel, Vector};
use crate::conv_relu_pool::BlockShape;
use rayon::prelude::*;

/// Images per unit of parallel work, at least.
const CHUNK: usize = 8;

/// Partial sums that are kept, at most.
const MAX_CHUNKS: usize = 32;

/// How the patches of an image lie in memory.
struct Patches {
    /// Runs per patch.
    runs: usize,
    /// Values per run, whole cache lines.
    run: usize,
    /// From one run of a patch to the next.
    run_stride: usize,
    /// From one position to its right and lower neighbour.
    steps: [usize; 2],
    /// Values of one image.
    image: usize,
}

impl Patches {
    fn new(shape: &BlockShape) -> Self {
        if shape.in_channels < LINE {
            let run = padded(shape.in_channels * shape.taps());
            let row = 2 * shape.pooled_width() * run;
            let image = 2 * shape.pooled_height() * row + LINE;
            Self {
                runs: 1,
                run,
                run_stride: 0,
                steps: [run, row],
                image,
            }
        } else {
            let pixel = padded(shape.in_channels);
            let row = shape.padded_width() * pixel;
            Self {
                runs: shape.kernel,
                run: shape.kernel * pixel,
                run_stride: row,
                steps: [pixel, row],
                image: shape.padded_plane() * pixel,
            }
        }
    }

    /// Values per patch.
    fn len(&self) -> usize {
        self.runs * self.run
    }
}

pub fn grad_weight(
    isa: Isa,
    shape: &BlockShape,
    input: &[f32],
    codes: &[u8],
    grad_output: &[f32],
    grad_weight: &mut [f32],
    grad_bias: &mut [f32],
) {
    let patches = &Patches::new(shape);
    let chunk = CHUNK.max(shape.batch.div_ceil(MAX_CHUNKS));
    let chunks = shape.batch.div_ceil(chunk);
    // Per output channel the patch and, in one more cache line, the lanes of the bias's sum.
    let channel = patches.len() + LINE;
    let partial = shape.out_channels * channel;
    let planes = padded(shape.in_channels) * shape.padded_plane() + LINE;
    let list = padded(shape.windows()) + LINE;
    let local = planes + patches.image + 3 * list;
    scratch::with(&scratch::SHARED, chunks * partial, |partials| {
        partials
            .par_chunks_mut(partial)
            .zip(input.par_chunks(chunk * shape.input_image()))
            .zip(codes.par_chunks(chunk * shape.output_image()))
            .zip(grad_output.par_chunks(chunk * shape.output_image()))
            .for_each(|(((partial, input), codes), grad_output)| {
                scratch::with(&scratch::LOCAL, local, |buffer| {
                    isa.run(Chunk {
                        shape,
                        patches,
                        input,
                        codes,
                        grad_output,
                        partial,
                        buffer,
                    });
                });
            });
        let (total, others) = partials.split_at_mut(partial);
        for other in others.chunks_exact(partial) {
            for (total, other) in total.iter_mut().zip(other) {
                *total += other;
            }
        }
        let kernels = grad_weight.chunks_exact_mut(shape.in_channels * shape.taps());
        let channels = total.chunks_exact(channel);
        for ((kernel, bias), channel) in kernels.zip(grad_bias).zip(channels) {
            let (patch, bias_lanes) = channel.split_at(patches.len());
            *bias = bias_lanes.iter().sum();
            if patches.runs == 1 {
                kernel.copy_from_slice(&patch[..kernel.len()]);
            } else {
                for (c, kernel) in kernel.chunks_exact_mut(shape.taps()).enumerate() {
                    for (tap, weight) in kernel.iter_mut().enumerate() {
                        *weight = patch[tap * padded(shape.in_channels) + c];
                    }
                }
            }
        }
    });
}

/// The images of one unit of parallel work.
struct Chunk<'a> {
    shape: &'a BlockShape,
    patches: &'a Patches,
    input: &'a [f32],
    codes: &'a [u8],
    grad_output: &'a [f32],
    partial: &'a mut [f32],
    buffer: &'a mut [f32],
}

impl Kernel for Chunk<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { shape, patches, .. } = self;
        let channels = padded(shape.in_channels);
        let list_len = padded(shape.windows()) + LINE;
        let mut buffer = self.buffer;
        let planes = cut(&mut buffer, channels * shape.padded_plane() + LINE);
        let image_patches = cut(&mut buffer, patches.image);
        let windows = cut(&mut buffer, list_len);
        let gradients = cut(&mut buffer, list_len);
        let offsets = cut(&mut buffer, list_len);
        planes.fill(0.0);
        image_patches.fill(0.0);
        self.partial.fill(0.0);
        for (window, offset) in windows[..shape.windows()].iter_mut().enumerate() {
            let (row, column) = (window / shape.pooled_width(), window % shape.pooled_width());
            let at = 2 * (row * patches.steps[1] + column * patches.steps[0]);
            *offset = f32::from_bits(at as u32);
        }
        let [right, down] = patches.steps.map(|step| step as u32);
        let positions = [0, right, down, down + right, 0, 0, 0, 0];

        let images = self.input.chunks_exact(shape.input_image());
        let codes = self.codes.chunks_exact(shape.output_image());
        let grads = self.grad_output.chunks_exact(shape.output_image());
        for ((image, codes), grads) in images.zip(codes).zip(grads) {
            pad_planes(shape, image, planes);
            if patches.runs == 1 {
                gather_patches(shape, patches, planes, image_patches);
            } else {
                // SAFETY: the instruction set is the caller's promise.
                unsafe { transpose::<V>(planes, channels, shape.padded_plane(), image_patches) };
            }
            let partials = self.partial.chunks_exact_mut(patches.len() + LINE);
            let codes = codes.chunks_exact(shape.windows());
            let grads = grads.chunks_exact(shape.windows());
            for ((partial, codes), grads) in partials.zip(codes).zip(grads) {
                // SAFETY: the instruction set is the caller's promise. The list's buffers hold every
                // window and a vector more, the offsets lead to patches inside the image.
                unsafe {
                    let list =
                        open_windows::<V>(codes, grads, windows, positions, gradients, offsets);
                    let (sums, bias) = partial.split_at_mut(patches.len());
                    add_gradients::<V>(&gradients[..list], bias);
                    add_patches::<V>(
                        patches,
                        image_patches,
                        &gradients[..list],
                        &offsets[..list],
                        sums,
                    );
                }
            }
        }
    }
}

/// Writes the patch of every pooled position, `[Cin][k][k]` and padding, one after the other.
#[inline(always)]
fn gather_patches(shape: &BlockShape, patches: &Patches, planes: &[f32], out: &mut [f32]) {
    for y in 0..2 * shape.pooled_height() {
        for x in 0..2 * shape.pooled_width() {
            let mut to = y * patches.steps[1] + x * patches.steps[0];
            for channel in 0..shape.in_channels {
                for ky in 0..shape.kernel {
                    let from = channel * shape.padded_plane() + (y + ky) * shape.padded_width() + x;
                    out[to..to + shape.kernel].copy_from_slice(&planes[from..from + shape.kernel]);
                    to += shape.kernel;
                }
            }
        }
    }
}

/// Lists the gradients and the patch offsets of the open windows of one channel, filled up with
/// gradients of zero to whole vectors; returns the number of open windows.
#[inline(always)]
unsafe fn open_windows<V: Vector>(
    codes: &[u8],
    grads: &[f32],
    windows: &[f32],
    positions: [u32; 8],
    gradients: &mut [f32],
    offsets: &mut [f32],
) -> usize {
    unsafe {
        let mut list = OpenList::new(gradients.as_mut_ptr(), offsets.as_mut_ptr().cast());
        let closed = V::index_splat(CLOSED.into());
        let mut window = 0;
        while window + V::LANES <= codes.len() {
            let code = V::index_load_u8(codes.as_ptr().add(window));
            let grad = V::load(grads.as_ptr().add(window));
            let base = V::index_load(windows.as_ptr().add(window).cast());
            let offset = V::index_add(base, V::index_lookup(&positions, code));
            list.push(V::index_less(code, closed), grad, offset);
            window += V::LANES;
        }
        let mut n = list.len();
        for window in window..codes.len() {
            gradients[n] = grads[window];
            let position = positions[codes[window] as usize % 8];
            offsets[n] = f32::from_bits(windows[window].to_bits() + position);
            n += (codes[window] < CLOSED) as usize;
        }
        V::splat(0.0).store(gradients.as_mut_ptr().add(n));
        n
    }
}

/// Adds the gradients, lane by lane. They must be followed by a vector of zeros in memory.
#[inline(always)]
unsafe fn add_gradients<V: Vector>(gradients: &[f32], lanes: &mut [f32]) {
    unsafe {
        let mut sum = V::load(lanes.as_ptr());
        for i in (0..gradients.len()).step_by(V::LANES) {
            sum = sum.add(V::load(gradients.as_ptr().add(i)));
        }
        sum.store(lanes.as_mut_ptr());
    }
}

/// Adds the listed patches, scaled by their gradients, to the sums of a channel, in register blocks
/// of up to three runs by `V::ACCUMULATORS / 3` vectors.
#[inline(always)]
unsafe fn add_patches<V: Vector>(
    patches: &Patches,
    image: &[f32],
    gradients: &[f32],
    offsets: &[f32],
    sums: &mut [f32],
) {
    let widest = if V::ACCUMULATORS >= 24 {
        6
    } else if V::ACCUMULATORS >= 12 {
        4
    } else {
        2
    };
    let mut first_run = 0;
    while first_run < patches.runs {
        let runs = (patches.runs - first_run).min(3);
        let mut column = 0;
        while column < patches.run {
            let vectors = ((patches.run - column) / V::LANES).min(widest);
            unsafe {
                let image = image.as_ptr().add(first_run * patches.run_stride + column);
                let sums = sums.as_mut_ptr().add(first_run * patches.run + column);
                let block = Block {
                    patches,
                    image,
                    gradients,
                    offsets,
                    sums,
                };
                match (runs, vectors) {
                    (3, 6) => block.add::<V, 3, 6>(),
                    (3, 5) => block.add::<V, 3, 5>(),
                    (3, 4) => block.add::<V, 3, 4>(),
                    (3, 3) => block.add::<V, 3, 3>(),
                    (3, 2) => block.add::<V, 3, 2>(),
                    (3, _) => block.add::<V, 3, 1>(),
                    (2, 6) => block.add::<V, 2, 6>(),
                    (2, 5) => block.add::<V, 2, 5>(),
                    (2, 4) => block.add::<V, 2, 4>(),
                    (2, 3) => block.add::<V, 2, 3>(),
                    (2, 2) => block.add::<V, 2, 2>(),
                    (2, _) => block.add::<V, 2, 1>(),
                    (_, 6) => block.add::<V, 1, 6>(),
                    (_, 5) => block.add::<V, 1, 5>(),
                    (_, 4) => block.add::<V, 1, 4>(),
                    (_, 3) => block.add::<V, 1, 3>(),
                    (_, 2) => block.add::<V, 1, 2>(),
                    _ => block.add::<V, 1, 1>(),
                }
            }
            column += vectors * V::LANES;
        }
        first_run += runs;
    }
}

/// A register block of a channel's sums.
struct Block<'a> {
    patches: &'a Patches,
    image: *const f32,
    gradients: &'a [f32],
    offsets: &'a [f32],
    sums: *mut f32,
}

impl Block<'_> {
    #[inline(always)]
    unsafe fn add<V: Vector, const RUNS: usize, const VECTORS: usize>(&self) {
        unsafe {
            let mut sums = [[V::splat(0.0); VECTORS]; RUNS];
            for (gradient, offset) in self.gradients.iter().zip(self.offsets) {
                let gradient = V::splat(*gradient);
                let patch = self.image.add(offset.to_bits() as usize);
                for r in 0..RUNS {
                    for v in 0..VECTORS {
                        let x = V::load(patch.add(r * self.patches.run_stride + v * V::LANES));
                        sums[r][v] = gradient.mul_add(x, sums[r][v]);
                    }
                }
            }
            for r in 0..RUNS {
                for v in 0..VECTORS {
                    let at = self.sums.add(r * self.patches.run + v * V::LANES);
                    V::load(at).add(sums[r][v]).store(at);
                }
            }
        }
    }
}

//! The normalisation on slices `[batch, channels, height, width]`, in place.

use rayon::prelude::*;

use super::EPSILON;
use crate::ops::simd::{Isa, Vector, WithSimd};

/// Divides each channel by its root mean square; returns the factors that it is multiplied with.
pub fn forward(isa: Isa, dims: [usize; 4], values: &mut [f32]) -> Vec<f32> {
    let [batch, channels, height, width] = dims;
    let plane = height * width;
    let count = (batch * plane) as f64;
    let squares = channel_sums(isa, channels, plane, values, values);
    let factors = squares
        .iter()
        .map(|square| 1.0 / ((square / count) as f32 + EPSILON).sqrt());
    let factors: Vec<f32> = factors.collect();
    values.par_chunks_mut(channels * plane).for_each(|image| {
        isa.run(Scale {
            image,
            plane,
            factors: &factors,
        });
    });
    factors
}

/// Turns the gradient of the output into the gradient of the input:
/// `factor · (gradient − output · mean(gradient · output))` in each channel.
pub fn backward(isa: Isa, dims: [usize; 4], output: &[f32], factors: &[f32], gradient: &mut [f32]) {
    let [batch, channels, height, width] = dims;
    let plane = height * width;
    let count = (batch * plane) as f64;
    let products = channel_sums(isa, channels, plane, output, gradient);
    let means: Vec<f32> = products.iter().map(|sum| (sum / count) as f32).collect();
    gradient
        .par_chunks_mut(channels * plane)
        .zip(output.par_chunks(channels * plane))
        .for_each(|(gradient, output)| {
            isa.run(Project {
                gradient,
                output,
                plane,
                factors,
                means: &means,
            });
        });
}

/// The sum of `a · b` over each channel. The images' sums are added in their order, so that the
/// number of threads does not show.
fn channel_sums(isa: Isa, channels: usize, plane: usize, a: &[f32], b: &[f32]) -> Vec<f64> {
    let images = a
        .par_chunks(channels * plane)
        .zip(b.par_chunks(channels * plane));
    let sums: Vec<Vec<f32>> = images
        .map(|(a, b)| {
            let mut sums = vec![0.0; channels];
            isa.run(Products {
                a,
                b,
                plane,
                sums: &mut sums,
            });
            sums
        })
        .collect();
    let mut totals = vec![0.0; channels];
    for image in &sums {
        for (total, sum) in totals.iter_mut().zip(image) {
            *total += f64::from(*sum);
        }
    }
    totals
}

/// Running sums side by side, so that additions need not wait for each other.
const LANES: usize = 16;

struct Products<'a> {
    a: &'a [f32],
    b: &'a [f32],
    plane: usize,
    sums: &'a mut [f32],
}

impl WithSimd for Products<'_> {
    // Plain loops, here and below: the compiler finds the vectors of each instruction set.
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let planes = self
            .a
            .chunks_exact(self.plane)
            .zip(self.b.chunks_exact(self.plane));
        for (sum, (a, b)) in self.sums.iter_mut().zip(planes) {
            let mut lanes = [0.0; LANES];
            let (a, b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
            let rest = a.remainder().iter().zip(b.remainder());
            let rest: f32 = rest.map(|(a, b)| a * b).sum();
            for (a, b) in a.zip(b) {
                for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
                    *lane += a * b;
                }
            }
            *sum = lanes.iter().sum::<f32>() + rest;
        }
    }
}

struct Scale<'a> {
    image: &'a mut [f32],
    plane: usize,
    factors: &'a [f32],
}

impl WithSimd for Scale<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let planes = self.image.chunks_exact_mut(self.plane);
        for (plane, factor) in planes.zip(self.factors) {
            for value in plane {
                *value *= factor;
            }
        }
    }
}

struct Project<'a> {
    gradient: &'a mut [f32],
    output: &'a [f32],
    plane: usize,
    factors: &'a [f32],
    means: &'a [f32],
}

impl WithSimd for Project<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let planes = self
            .gradient
            .chunks_exact_mut(self.plane)
            .zip(self.output.chunks_exact(self.plane));
        let channels = self.factors.iter().zip(self.means);
        for ((gradient, output), (factor, mean)) in planes.zip(channels) {
            for (gradient, output) in gradient.iter_mut().zip(output) {
                *gradient = factor * (*gradient - mean * output);
            }
        }
    }
}

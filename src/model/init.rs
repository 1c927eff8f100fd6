//! Initial weights.

use burn::module::{Param, ParamId};
use burn::tensor::{Device, Distribution, Tensor, TensorData};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Draws the parameters of one model, layer after layer.
pub struct Init<'a> {
    device: &'a Device,
    /// None to draw as Burn's own modules do.
    seeded: Option<Seeded>,
}

/// Draws on the host.
struct Seeded {
    rng: ChaCha8Rng,
    /// Parameters so far.
    drawn: u64,
}

impl<'a> Init<'a> {
    /// Parameters for `device`, the same on every device for the same `seed`.
    pub fn seeded(seed: u64, device: &'a Device) -> Self {
        let seeded = Seeded {
            rng: ChaCha8Rng::seed_from_u64(seed),
            drawn: 0,
        };
        Self {
            device,
            seeded: Some(seeded),
        }
    }

    /// Parameters drawn by `device` itself: its own [`seed`](Device::seed) makes them repeat.
    pub fn random(device: &'a Device) -> Self {
        Self {
            device,
            seeded: None,
        }
    }

    /// A weight or bias, uniform in ±1/√`fan_in`.
    ///
    /// The default of PyTorch's linear and convolution layers: "Efficient BackProp"
    /// (LeCun et al., 1998), also Kaiming-uniform with a = √5.
    pub fn uniform<const D: usize>(&mut self, dims: [usize; D], fan_in: usize) -> Param<Tensor<D>> {
        let bound = 1.0 / (fan_in as f32).sqrt();
        let Some(Seeded { rng, drawn }) = &mut self.seeded else {
            let bound = f64::from(bound);
            let range = Distribution::Uniform(-bound, bound);
            return Param::from_tensor(Tensor::random(dims, range, self.device));
        };
        let values = (0..dims.iter().product())
            .map(|_| rng.random_range(-bound..bound))
            .collect();
        let data = TensorData::new::<f32, _>(values, dims);
        // Burn would number the parameters at random; like this a run repeats bit for bit, its
        // files included.
        *drawn += 1;
        let (_, tensor, mapper) = Param::from_data(data, self.device).consume();
        Param::from_mapped_value(ParamId::from(*drawn), tensor, mapper)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::{self, BackendChoice};

    #[test]
    fn a_device_draws_within_the_bound_and_again_with_its_seed() {
        let device = device::select(BackendChoice::Cpu, None).unwrap().device;
        let draw = || {
            device.seed(7);
            let weight = Init::random(&device).uniform([20, 50], 100);
            device::read(weight.val()).unwrap()
        };
        let values = draw();
        assert!(values.iter().all(|value| value.abs() <= 0.1));
        let mean = values.iter().sum::<f32>() / 1_000.0;
        let square = values.iter().map(|value| value * value).sum::<f32>() / 1_000.0;
        assert!(mean.abs() < 0.01, "{mean}");
        assert!((square - 0.01 / 3.0).abs() < 5e-4, "{square}");
        assert_eq!(draw(), values);
    }
}

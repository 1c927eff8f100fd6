//! Initial weights, drawn on the host.

use burn::module::{Param, ParamId};
use burn::tensor::{Device, Tensor, TensorData};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Draws the parameters of one model, layer after layer.
pub struct Init<'a> {
    rng: ChaCha8Rng,
    device: &'a Device,
    drawn: u64,
}

impl<'a> Init<'a> {
    /// Parameters for `device`, the same on every device for the same `seed`.
    pub fn new(seed: u64, device: &'a Device) -> Self {
        Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
            device,
            drawn: 0,
        }
    }

    /// A weight or bias, uniform in ±1/√`fan_in`.
    ///
    /// The default of PyTorch's linear and convolution layers: "Efficient BackProp"
    /// (LeCun et al., 1998), also Kaiming-uniform with a = √5.
    pub fn uniform<const D: usize>(&mut self, dims: [usize; D], fan_in: usize) -> Param<Tensor<D>> {
        let bound = 1.0 / (fan_in as f32).sqrt();
        let values = (0..dims.iter().product())
            .map(|_| self.rng.random_range(-bound..bound))
            .collect();
        let data = TensorData::new::<f32, _>(values, dims);
        // Burn would number the parameters at random; like this a run repeats bit for bit, its
        // files included.
        self.drawn += 1;
        let (_, tensor, mapper) = Param::from_data(data, self.device).consume();
        Param::from_mapped_value(ParamId::from(self.drawn), tensor, mapper)
    }
}

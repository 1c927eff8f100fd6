//! AdamW and the averaging made of Burn's own operations: the formulas one after the other.

use burn::Tensor;
use burn::module::{Module, ModuleMapper, Param};
use burn::optim::GradientsParams;
use burn::tensor::TensorData;

use super::{AdamStep, Moments};
use crate::ops::weights::flattened;

/// AdamW's state of each parameter, flattened.
pub struct Store(Moments<Tensor<1>>);

impl Store {
    /// Zeros; with `averaging` the averages start from the model's weights.
    pub fn new(model: &impl Module, averaging: bool) -> Self {
        let weights = flattened(model);
        let zeros = || weights.iter().map(Tensor::zeros_like).collect();
        Self(Moments {
            moments_1: zeros(),
            moments_2: zeros(),
            averages: averaging.then_some(weights),
        })
    }

    /// The model after `step`.
    pub fn step<M: Module>(&mut self, step: &AdamStep, model: M, gradients: GradientsParams) -> M {
        let before = std::mem::take(&mut self.0);
        let mut update = Update {
            step,
            gradients,
            before: before.moments_1.into_iter().zip(before.moments_2),
            averages: before.averages.map(Vec::into_iter),
            after: &mut self.0,
        };
        model.map(&mut update)
    }

    /// The model with the averaged weights.
    pub fn averaged<M: Module>(&self, model: M) -> M {
        struct Put(std::vec::IntoIter<Tensor<1>>);

        impl ModuleMapper for Put {
            fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
                let (id, tensor, mapper) = param.consume();
                let average = self.0.next().expect("an average for each parameter");
                Param::from_mapped_value(id, average.reshape(tensor.dims()), mapper)
            }
        }

        match &self.0.averages {
            Some(averages) => model.map(&mut Put(averages.clone().into_iter())),
            None => model,
        }
    }

    /// The moments.
    pub fn moments(&self) -> &Moments<Tensor<1>> {
        &self.0
    }

    /// Takes up what was remembered, of parameters of the same shapes.
    pub fn restore(&mut self, moments: Moments<Vec<f32>>) {
        let device = self.0.moments_1[0].device();
        self.0 = moments.map(|values| {
            let len = values.len();
            Tensor::from_data(TensorData::new(values, [len]), &device)
        });
    }
}

/// Walks over the parameters; their moments go from `before` to `after`.
struct Update<'a> {
    step: &'a AdamStep,
    gradients: GradientsParams,
    before: std::iter::Zip<std::vec::IntoIter<Tensor<1>>, std::vec::IntoIter<Tensor<1>>>,
    averages: Option<std::vec::IntoIter<Tensor<1>>>,
    after: &'a mut Moments<Tensor<1>>,
}

impl ModuleMapper for Update<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let step = self.step;
        let (id, parameter, mapper) = param.consume();
        let dims = parameter.dims();
        let gradient = self.gradients.remove::<D>(id);
        let gradient = gradient.expect("every parameter of the model has a gradient");
        let gradient = gradient.reshape([-1]);
        let (m, v) = (self.before.next()).expect("the model is that of the step before");

        let m = m * step.beta_1 + gradient.clone() * (1.0 - step.beta_1);
        let v = v * step.beta_2 + gradient.square() * (1.0 - step.beta_2);
        let mean = m.clone() / step.bias_correction_1;
        let root = (v.clone() / step.bias_correction_2).sqrt() + step.epsilon;
        let weights = parameter.inner().reshape([-1]);
        let weights = weights * step.keep - mean / root * step.learning_rate;

        self.after.moments_1.push(m);
        self.after.moments_2.push(v);
        if let Some(average) = self.averages.as_mut().and_then(Iterator::next) {
            let average = average.clone() + (weights.clone() - average) * step.averaging;
            self.after.averages.get_or_insert_default().push(average);
        }
        let weights = Tensor::from_inner(weights.reshape(dims)).require_grad();
        Param::from_mapped_value(id, weights, mapper)
    }
}

//! AdamW on `burn-ndarray`: moments in plain memory, parameters in place.

use burn::backend::tensor::FloatTensor;
use burn::backend::{NdArray, TensorMetadata};
use burn::tensor::Shape;

use super::{AdamStep, Moments, Update, cpu};
use crate::device::recorder;
use crate::ops::ndarray_tensor::{floats, into_vec, tensor};
use crate::ops::simd::Isa;

/// What AdamW remembers of each parameter.
pub struct Store(Vec<Remembered>);

struct Remembered {
    shape: Shape,
    moment_1: Vec<f32>,
    moment_2: Vec<f32>,
    average: Option<Vec<f32>>,
}

impl Store {
    /// Zeros; with `averaging` the averages start from the parameters.
    pub fn new(parameters: Vec<FloatTensor<NdArray>>, averaging: bool) -> Self {
        let remembered = parameters.into_iter().map(|parameter| {
            let shape = parameter.shape();
            let parameter = floats(parameter);
            Remembered {
                shape,
                moment_1: vec![0.0; parameter.len()],
                moment_2: vec![0.0; parameter.len()],
                average: averaging.then(|| parameter.to_vec()),
            }
        });
        Self(remembered.collect())
    }
}

impl Update<NdArray> for Store {
    fn update(
        &mut self,
        step: &AdamStep,
        parameters: Vec<FloatTensor<NdArray>>,
        gradients: Vec<FloatTensor<NdArray>>,
    ) -> Vec<FloatTensor<NdArray>> {
        let _timed = recorder::operation("adamw/step");
        let tensors = parameters.into_iter().zip(gradients).zip(&mut self.0);
        tensors
            .map(|((parameter, gradient), remembered)| {
                let mut parameter = into_vec(parameter);
                cpu::update(
                    Isa::detect(),
                    step,
                    &mut parameter,
                    &floats(gradient),
                    &mut remembered.moment_1,
                    &mut remembered.moment_2,
                    remembered.average.as_deref_mut(),
                );
                tensor(parameter, &remembered.shape)
            })
            .collect()
    }

    fn memory(&self) -> Moments<FloatTensor<NdArray>> {
        let of = |part: fn(&Remembered) -> Option<&Vec<f32>>| {
            let tensors = self.0.iter().map(|remembered| {
                let values = part(remembered)?;
                Some(tensor(values.clone(), &remembered.shape))
            });
            tensors.collect::<Option<Vec<_>>>()
        };
        Moments {
            moments_1: of(|r| Some(&r.moment_1)).unwrap_or_default(),
            moments_2: of(|r| Some(&r.moment_2)).unwrap_or_default(),
            averages: of(|r| r.average.as_ref()),
        }
    }

    fn restore(&mut self, memory: Moments<Vec<f32>>) {
        let moments = memory.moments_1.into_iter().zip(memory.moments_2);
        let mut averages = memory.averages.map(Vec::into_iter);
        for (remembered, (moment_1, moment_2)) in self.0.iter_mut().zip(moments) {
            remembered.moment_1 = moment_1;
            remembered.moment_2 = moment_2;
            remembered.average = averages.as_mut().and_then(Iterator::next);
        }
    }
}

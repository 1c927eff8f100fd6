//! AdamW on `burn-ndarray`: everything in place, unless somebody else holds it.

use burn::backend::tensor::FloatTensor;
use burn::backend::{NdArray, TensorMetadata};
use burn_ndarray::SharedArray;
use ndarray::{ArrayD, IxDyn};

use super::{AdamStep, Moments, Update, cpu};
use crate::device::recorder;
use crate::ops::ndarray_tensor::{floats, into_vec, tensor};
use crate::ops::simd::Isa;

/// AdamW's state of each parameter.
pub struct Store(Vec<Remembered>);

/// Arrays of the parameter's shape in row-major order.
struct Remembered {
    moment_1: SharedArray<f32>,
    moment_2: SharedArray<f32>,
    average: Option<SharedArray<f32>>,
}

impl Store {
    /// Zeros; with `averaging` the averages start from the parameters.
    pub fn new(parameters: Vec<FloatTensor<NdArray>>, averaging: bool) -> Self {
        let remembered = parameters.into_iter().map(|parameter| {
            let shape = IxDyn(&parameter.shape());
            let zeros = || ArrayD::zeros(shape.clone()).into_shared();
            Remembered {
                moment_1: zeros(),
                moment_2: zeros(),
                average: averaging.then(|| array(floats(parameter).to_vec(), shape.clone())),
            }
        });
        Self(remembered.collect())
    }
}

fn array(values: Vec<f32>, shape: IxDyn) -> SharedArray<f32> {
    let array = ArrayD::from_shape_vec(shape, values);
    array.expect("as many as the parameter has").into_shared()
}

/// The elements, which are copied before if somebody else holds them.
fn elements(array: &mut SharedArray<f32>) -> &mut [f32] {
    array.as_slice_mut().expect("it is in row-major order")
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
                let shape = parameter.shape();
                let mut parameter = into_vec(parameter);
                cpu::update(
                    Isa::detect(),
                    step,
                    &mut parameter,
                    &floats(gradient),
                    elements(&mut remembered.moment_1),
                    elements(&mut remembered.moment_2),
                    remembered.average.as_mut().map(elements),
                );
                tensor(parameter, &shape)
            })
            .collect()
    }

    fn moments(&self) -> Moments<FloatTensor<NdArray>> {
        let tensors = |part: fn(&Remembered) -> Option<&SharedArray<f32>>| {
            let tensors = self.0.iter().map(|of| part(of).cloned().map(Into::into));
            tensors.collect::<Option<Vec<_>>>()
        };
        Moments {
            moments_1: tensors(|of| Some(&of.moment_1)).unwrap_or_default(),
            moments_2: tensors(|of| Some(&of.moment_2)).unwrap_or_default(),
            averages: tensors(|of| of.average.as_ref()),
        }
    }

    fn restore(&mut self, state: Moments<Vec<f32>>) {
        let moments = state.moments_1.into_iter().zip(state.moments_2);
        let mut averages = state.averages.map(Vec::into_iter);
        for (remembered, (moment_1, moment_2)) in self.0.iter_mut().zip(moments) {
            let shape = remembered.moment_1.raw_dim();
            let average = averages.as_mut().and_then(Iterator::next);
            *remembered = Remembered {
                moment_1: array(moment_1, shape.clone()),
                moment_2: array(moment_2, shape.clone()),
                average: average.map(|average| array(average, shape)),
            };
        }
    }
}

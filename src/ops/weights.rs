//! A model's weights as plain vectors, in the model's order.

use std::ops::Deref;

use burn::Tensor;
use burn::backend::NdArray;
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::TensorData;

use super::ndarray_tensor::floats;
use crate::Result;
use crate::device;
use crate::error::ensure;

/// The weights of each parameter, flattened, where they are and without autodiff.
pub fn flattened(model: &impl Module) -> Vec<Tensor<1>> {
    struct Collect(Vec<Tensor<1>>);

    impl ModuleVisitor for Collect {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.0.push(param.val().inner().reshape([-1]));
        }
    }

    let mut collect = Collect(Vec::new());
    model.visit(&mut collect);
    collect.0
}

/// The elements of a tensor without autodiff: read from a device, but not copied where they lie in the host's memory.
///
/// # Errors
///
/// If the device fails.
pub fn elements(tensor: Tensor<1>) -> Result<Box<dyn Deref<Target = [f32]>>> {
    Ok(match tensor.clone().try_into_primitive::<NdArray>() {
        Ok(tensor) => Box::new(floats(tensor)),
        Err(_) => Box::new(device::read(tensor)?),
    })
}

/// The model with these weights instead of its own.
///
/// # Errors
///
/// If they are those of a model of other shapes.
pub fn with_weights<M: Module>(model: M, weights: Vec<Vec<f32>>) -> Result<M> {
    struct Put(std::vec::IntoIter<Vec<f32>>);

    impl ModuleMapper for Put {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            let (id, tensor, mapper) = param.consume();
            let values = self.0.next().expect("the lengths were compared");
            let data = TensorData::new(values, tensor.dims());
            let trainable = tensor.is_autodiff();
            let tensor = Tensor::from_data(data, &tensor.inner().device());
            let tensor = match trainable {
                true => Tensor::from_inner(tensor).require_grad(),
                false => tensor,
            };
            Param::from_mapped_value(id, tensor, mapper)
        }
    }

    let expected = flattened(&model).into_iter().map(|tensor| tensor.dims()[0]);
    ensure!(
        weights.iter().map(Vec::len).eq(expected),
        "the weights are those of a model of other shapes"
    );
    Ok(model.map(&mut Put(weights.into_iter())))
}

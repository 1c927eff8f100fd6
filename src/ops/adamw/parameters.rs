//! The parameters of a model as a list of a backend's tensors.

use burn::Tensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, NdArray, TensorMetadata};
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn_wgpu::CubeBackend;

/// A backend whose tensors can be taken out of Burn's and put back.
pub trait Primitives: Backend {
    /// A tensor without autodiff in the backend's own form; none if it lies on another backend.
    fn from_tensor<const D: usize>(tensor: Tensor<D>) -> Option<FloatTensor<Self>>;

    /// The other way round.
    fn to_tensor<const D: usize>(tensor: FloatTensor<Self>) -> Tensor<D>;
}

macro_rules! primitives {
    ($backend:ty) => {
        impl Primitives for $backend {
            fn from_tensor<const D: usize>(tensor: Tensor<D>) -> Option<FloatTensor<Self>> {
                tensor.try_into_primitive::<$backend>().ok()
            }

            fn to_tensor<const D: usize>(tensor: FloatTensor<Self>) -> Tensor<D> {
                Tensor::from_primitive::<$backend>(tensor)
            }
        }
    };
}
primitives!(NdArray);
primitives!(CubeBackend);

/// The parameters of a model, in its order; none if it lies on another backend.
pub fn parameters_of<B: Primitives>(model: &impl Module) -> Option<Vec<FloatTensor<B>>> {
    struct Collect<B: Backend>(Option<Vec<FloatTensor<B>>>);

    impl<B: Primitives> ModuleVisitor for Collect<B> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            match B::from_tensor(param.val().inner()) {
                Some(tensor) => self.0.iter_mut().for_each(|list| list.push(tensor.clone())),
                None => self.0 = None,
            }
        }
    }

    let mut collect = Collect::<B>(Some(Vec::new()));
    model.visit(&mut collect);
    collect.0
}

/// A backend's tensor of any shape as a vector.
pub fn flat<B: Primitives>(tensor: FloatTensor<B>) -> Tensor<1> {
    let len = tensor.shape().num_elements();
    B::to_tensor(B::float_reshape(tensor, [len].into()))
}

/// What [`take`] takes out of a model.
pub struct Taken<B: Backend> {
    pub parameters: Vec<FloatTensor<B>>,
    pub gradients: Vec<FloatTensor<B>>,
}

/// Takes parameters and gradients out of a model, so that nobody but the caller holds them. What is
/// left is good for [`put`] only: the gradients keep the parameters' offsets.
pub fn take<B: Primitives, M: Module>(model: M, gradients: GradientsParams) -> (M, Taken<B>) {
    struct Take<B: Backend> {
        gradients: GradientsParams,
        taken: Taken<B>,
    }

    impl<B: Primitives> ModuleMapper for Take<B> {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            let (id, parameter, mapper) = param.consume();
            let gradient = self.gradients.remove::<D>(id);
            let gradient = gradient.expect("every parameter of the model has a gradient");
            let on_backend = |tensor| B::from_tensor(tensor).expect("a model is on one backend");
            self.taken.gradients.push(on_backend(gradient.clone()));
            self.taken.parameters.push(on_backend(parameter.inner()));
            Param::from_mapped_value(id, gradient, mapper)
        }
    }

    let taken = Taken {
        parameters: Vec::new(),
        gradients: Vec::new(),
    };
    let mut take = Take::<B> { gradients, taken };
    let model = model.map(&mut take);
    (model, take.taken)
}

/// The same without gradients: what is left has `placeholder`, of one element, everywhere.
pub fn take_parameters<B: Primitives, M: Module>(
    model: M,
    placeholder: &Tensor<1>,
) -> (M, Vec<FloatTensor<B>>) {
    struct Take<'a, B: Backend> {
        placeholder: &'a Tensor<1>,
        parameters: Vec<FloatTensor<B>>,
    }

    impl<B: Primitives> ModuleMapper for Take<'_, B> {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            let (id, parameter, mapper) = param.consume();
            let parameter = B::from_tensor(parameter.inner());
            self.parameters
                .push(parameter.expect("a model is on one backend"));
            let placeholder = Tensor::from_inner(self.placeholder.clone().reshape([1; D]));
            Param::from_mapped_value(id, placeholder, mapper)
        }
    }

    let mut take = Take::<B> {
        placeholder,
        parameters: Vec::new(),
    };
    let model = model.map(&mut take);
    (model, take.parameters)
}

/// Puts parameters into a model, in its order; with `trainable` they get gradients.
pub fn put<B: Primitives, M: Module>(
    model: M,
    parameters: Vec<FloatTensor<B>>,
    trainable: bool,
) -> M {
    struct Put<B: Backend> {
        parameters: std::vec::IntoIter<FloatTensor<B>>,
        trainable: bool,
    }

    impl<B: Primitives> ModuleMapper for Put<B> {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            let (id, _, mapper) = param.consume();
            let parameter = self.parameters.next();
            let parameter = B::to_tensor(parameter.expect("one tensor for each parameter"));
            let parameter = match self.trainable {
                true => Tensor::from_inner(parameter).require_grad(),
                false => parameter,
            };
            Param::from_mapped_value(id, parameter, mapper)
        }
    }

    model.map(&mut Put::<B> {
        parameters: parameters.into_iter(),
        trainable,
    })
}

//! AdamW over all parameters of a model, and the exponential moving average (EMA) of its
//! weights.
//!
//! "Decoupled Weight Decay Regularization" (Loshchilov and Hutter, 2019), with the bias corrections
//! folded into the step as PyTorch does; without decay it is Adam (Kingma and Ba, 2015).
//!
//! Burn's optimizers see one parameter at a time. This one sees them together, so that a GPU keeps
//! all weights in one buffer and updates them in one launch. Burn's extension macro takes no lists
//! of tensors: here the backends are told apart by hand.

pub mod cpu;
pub(crate) mod gpu;
pub(crate) mod joined;
mod ndarray;
mod parameters;
pub(crate) mod plan;
mod reference;
#[cfg(test)]
mod tests;

use burn::Tensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, NdArray};
use burn::module::Module;
use burn::optim::GradientsParams;
use burn_wgpu::CubeBackend;

use crate::Result;
use crate::device;
use crate::error::ensure;
use crate::ops::weights::flattened;
pub(crate) use gpu::Buffers;
pub(crate) use plan::Layout;

use parameters::{Primitives, flat, parameters_of, put, take, take_parameters};

/// Decay of the first moment.
const BETA_1: f64 = 0.9;
/// Decay of the second moment.
const BETA_2: f64 = 0.999;
/// Keeps the step finite where the second moment is 0.
pub const EPSILON: f64 = 1e-8;

/// Numbers of an [`AdamStep`].
pub(crate) const STEP_NUMBERS: usize = 8;

/// One step's numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamStep {
    /// Learning rate.
    pub learning_rate: f32,
    /// What the step leaves of a weight before it moves: `1 - learning_rate * weight_decay`.
    pub keep: f32,
    /// Decay of the first moment.
    pub beta_1: f32,
    /// Decay of the second moment.
    pub beta_2: f32,
    /// Keeps the step finite where the second moment is 0.
    pub epsilon: f32,
    /// `1 - beta_1^t` in step `t`.
    pub bias_correction_1: f32,
    /// `1 - beta_2^t` in step `t`.
    pub bias_correction_2: f32,
    /// How far the average moves towards the new weight, in [0, 1].
    pub averaging: f32,
}

impl AdamStep {
    /// The numbers of step `time`, counted from 1.
    ///
    /// The average of the weights would remember the random ones of the beginning for `1 / (1 -
    /// average_decay)` steps; therefore it decays by no more than `(1 + t) / (10 + t)`.
    pub fn new(learning_rate: f64, weight_decay: f64, average_decay: f64, time: usize) -> Self {
        let time = time as f64;
        let correction = |beta: f64| (1.0 - beta.powf(time)) as f32;
        Self {
            learning_rate: learning_rate as f32,
            keep: (1.0 - learning_rate * weight_decay) as f32,
            beta_1: BETA_1 as f32,
            beta_2: BETA_2 as f32,
            epsilon: EPSILON as f32,
            bias_correction_1: correction(BETA_1),
            bias_correction_2: correction(BETA_2),
            averaging: (1.0 - average_decay.min((1.0 + time) / (10.0 + time))) as f32,
        }
    }

    /// The fields in their order, as the GPU kernel takes them.
    pub(crate) fn to_array(self) -> [f32; STEP_NUMBERS] {
        [
            self.learning_rate,
            self.keep,
            self.beta_1,
            self.beta_2,
            self.epsilon,
            self.bias_correction_1,
            self.bias_correction_2,
            self.averaging,
        ]
    }
}

/// The optimizer of one model.
pub struct AdamW {
    weight_decay: f64,
    average_decay: Option<f64>,
    uses_burn: bool,
    time: usize,
    store: Option<Store>,
}

/// Moments and averages where the model is.
enum Store {
    Cpu(ndarray::Store),
    Gpu(Box<gpu::Store>),
    Reference(reference::Store),
}

/// The moments of each parameter, in the model's order.
#[derive(Clone, Debug, PartialEq)]
pub struct Moments<T> {
    /// Running means of the gradients.
    pub moments_1: Vec<T>,
    /// Running means of their squares.
    pub moments_2: Vec<T>,
    /// Exponential moving averages of the weights; none without averaging.
    pub averages: Option<Vec<T>>,
}

/// All that an optimizer remembers, by default on the host.
#[derive(Clone, Debug, PartialEq)]
pub struct State<T = Vec<f32>> {
    /// Steps taken.
    pub time: usize,
    /// The moments and averages of each parameter; nothing before the first step.
    pub moments: Moments<T>,
}

/// What a backend implements. Tensors come in the order of the model's parameters.
trait Update<B: Backend> {
    /// The parameters after `step`.
    fn update(
        &mut self,
        step: &AdamStep,
        parameters: Vec<FloatTensor<B>>,
        gradients: Vec<FloatTensor<B>>,
    ) -> Vec<FloatTensor<B>>;

    /// The moments, in the shapes of the parameters.
    fn moments(&self) -> Moments<FloatTensor<B>>;

    /// Takes up what was remembered, of parameters of the same shapes.
    fn restore(&mut self, moments: Moments<Vec<f32>>);
}

impl AdamW {
    /// An optimizer that has seen no gradient yet. With `average_decay` it averages the weights.
    pub fn new(weight_decay: f64, average_decay: Option<f64>) -> Self {
        Self {
            weight_decay,
            average_decay,
            uses_burn: false,
            time: 0,
            store: None,
        }
    }

    /// The same made of Burn's own operations.
    pub fn reference(weight_decay: f64, average_decay: Option<f64>) -> Self {
        Self {
            uses_burn: true,
            ..Self::new(weight_decay, average_decay)
        }
    }

    /// The model after a step with this `learning_rate`. Weights that nobody else holds are changed
    /// in place.
    ///
    /// # Panics
    ///
    /// If a parameter has no gradient, or the model is not of the shape of the step before.
    pub fn step<M: Module>(
        &mut self,
        learning_rate: f64,
        model: M,
        gradients: GradientsParams,
    ) -> M {
        let step = self.next_step(learning_rate);
        if self.store.is_none() {
            self.store = Some(self.new_store(&model));
        }
        match &mut self.store {
            None => unreachable!("it was made above"),
            Some(Store::Cpu(store)) => step_on::<NdArray, M>(store, &step, model, gradients),
            Some(Store::Gpu(store)) => {
                step_on::<CubeBackend, M>(&mut **store, &step, model, gradients)
            }
            Some(Store::Reference(store)) => store.step(&step, model, gradients),
        }
    }

    /// Counts a step and returns its numbers.
    pub(crate) fn next_step(&mut self, learning_rate: f64) -> AdamStep {
        self.time += 1;
        AdamStep::new(
            learning_rate,
            self.weight_decay,
            self.average_decay.unwrap_or(0.0),
            self.time,
        )
    }

    /// The model on a GPU after `work`, which takes [counted](Self::next_step) steps in these buffers. Nobody
    /// else reads them meanwhile.
    ///
    /// # Panics
    ///
    /// If the model is not on a GPU, or not of the shape of the step before.
    pub(crate) fn in_place<M: Module>(&mut self, model: M, work: impl FnOnce(Buffers)) -> M {
        if self.store.is_none() {
            self.store = Some(self.new_store(&model));
        }
        let Some(Store::Gpu(store)) = &mut self.store else {
            panic!("only a GPU's buffers are changed in place");
        };
        let (model, parameters) = take_parameters::<CubeBackend, M>(model, &store.placeholder());
        work(store.own(parameters));
        put::<CubeBackend, M>(model, store.parameters(), true)
    }

    /// A model for inference, which is without autodiff, with the averaged weights; with its own
    /// if there was no step yet, or without averaging.
    pub fn averaged<M: Module>(&self, model: M) -> M {
        match &self.store {
            None => model,
            Some(Store::Cpu(store)) => with_averages::<NdArray, M>(store, model),
            Some(Store::Gpu(store)) => with_averages::<CubeBackend, M>(&**store, model),
            Some(Store::Reference(store)) => store.averaged(model),
        }
    }

    /// The optimizer's moments, where they are: to be read before the next step, in which a GPU changes the
    /// moments whoever holds them.
    pub(crate) fn state(&self) -> State<Tensor<1>> {
        let moments = match &self.store {
            None => Moments::default(),
            Some(Store::Cpu(store)) => store.moments().map(flat::<NdArray>),
            Some(Store::Gpu(store)) => store.moments().map(flat::<CubeBackend>),
            Some(Store::Reference(store)) => store.moments().clone(),
        };
        State {
            time: self.time,
            moments,
        }
    }

    /// Goes on from `state` with `model`, to which it belongs.
    ///
    /// # Errors
    ///
    /// If the state is of a model of other shapes, or of another recipe.
    pub fn restore(&mut self, model: &impl Module, state: State) -> Result<()> {
        let State { time, moments } = state;
        let lengths = |of: &[Vec<f32>]| of.iter().map(Vec::len).collect::<Vec<_>>();
        let expected: Vec<usize> = match time {
            0 => Vec::new(),
            _ => flattened(model).iter().map(|p| p.dims()[0]).collect(),
        };
        let averaging = time > 0 && self.average_decay.is_some();
        ensure!(
            lengths(&moments.moments_1) == expected
                && lengths(&moments.moments_2) == expected
                && moments.averages.as_deref().map(lengths) == averaging.then_some(expected),
            "the optimizer's state is of another model"
        );
        self.time = time;
        self.store = (time > 0).then(|| {
            let mut store = self.new_store(model);
            match &mut store {
                Store::Cpu(store) => store.restore(moments),
                Store::Gpu(store) => store.restore(moments),
                Store::Reference(store) => store.restore(moments),
            }
            store
        });
        Ok(())
    }

    fn new_store(&self, model: &impl Module) -> Store {
        let averaging = self.average_decay.is_some();
        if self.uses_burn {
            Store::Reference(reference::Store::new(model, averaging))
        } else if let Some(parameters) = parameters_of::<CubeBackend>(model) {
            Store::Gpu(Box::new(gpu::Store::new(&parameters, averaging)))
        } else {
            let parameters = parameters_of::<NdArray>(model);
            let parameters = parameters.expect("a model is on one of the two backends");
            Store::Cpu(ndarray::Store::new(parameters, averaging))
        }
    }
}

fn step_on<B: Primitives, M: Module>(
    store: &mut impl Update<B>,
    step: &AdamStep,
    model: M,
    gradients: GradientsParams,
) -> M {
    let (model, taken) = take::<B, M>(model, gradients);
    let parameters = store.update(step, taken.parameters, taken.gradients);
    put::<B, M>(model, parameters, true)
}

fn with_averages<B: Primitives, M: Module>(store: &impl Update<B>, model: M) -> M {
    match store.moments().averages {
        Some(averages) => put::<B, M>(model, averages, false),
        None => model,
    }
}

impl<T> Default for State<T> {
    /// Before the first step.
    fn default() -> Self {
        Self {
            time: 0,
            moments: Moments::default(),
        }
    }
}

impl State<Tensor<1>> {
    /// The same on the host.
    ///
    /// # Errors
    ///
    /// If the device fails.
    pub(crate) fn read(self) -> Result<State> {
        Ok(State {
            time: self.time,
            moments: self.moments.try_map(device::read)?,
        })
    }
}

impl<T> Default for Moments<T> {
    /// Of no parameters.
    fn default() -> Self {
        Self {
            moments_1: Vec::new(),
            moments_2: Vec::new(),
            averages: None,
        }
    }
}

impl<T> Moments<T> {
    fn map<U>(self, mut f: impl FnMut(T) -> U) -> Moments<U> {
        let mut all = |values: Vec<T>| values.into_iter().map(&mut f).collect();
        Moments {
            moments_1: all(self.moments_1),
            moments_2: all(self.moments_2),
            averages: self.averages.map(all),
        }
    }

    fn try_map<U>(self, mut f: impl FnMut(T) -> Result<U>) -> Result<Moments<U>> {
        let mut all = |values: Vec<T>| values.into_iter().map(&mut f).collect();
        Ok(Moments {
            moments_1: all(self.moments_1)?,
            moments_2: all(self.moments_2)?,
            averages: self.averages.map(all).transpose()?,
        })
    }
}

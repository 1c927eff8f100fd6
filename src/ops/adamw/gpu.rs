//! AdamW on `burn-wgpu`: all parameters in one buffer, and a launch for all of them.

use burn::Tensor;
use burn::backend::TensorMetadata;
use burn::backend::tensor::FloatTensor;
use burn_wgpu::{CubeBackend, CubeTensor, into_contiguous};

use super::plan::{self, Layout, Segment, Step};
use super::{AdamStep, Moments, Update};
use crate::ops::wgsl::{DeviceOf, Queue, launch, make_exclusive, upload, view};

/// The parameters and what AdamW remembers of them: a buffer for each, all laid out alike.
pub struct Store {
    layout: Layout,
    steps: Vec<Step>,
    parameters: CubeTensor,
    moments_1: CubeTensor,
    moments_2: CubeTensor,
    averages: Option<CubeTensor>,
}

impl Store {
    /// Zeros; with `averaging` the averages start from the parameters.
    pub fn new(parameters: &[CubeTensor], averaging: bool) -> Self {
        let max_bindings = parameters[0].client.properties().hardware.max_bindings;
        Self::with_bindings(parameters, averaging, max_bindings as usize)
    }

    /// The same for a device that binds so many buffers.
    pub(super) fn with_bindings(
        parameters: &[CubeTensor],
        averaging: bool,
        max_bindings: usize,
    ) -> Self {
        let layout = Layout::new(parameters.iter().map(|tensor| tensor.shape()));
        let zeros = || upload(&parameters[0], &vec![0.0f32; layout.len]);
        let joined = join(&layout, parameters);
        Self {
            steps: layout.steps(averaging, max_bindings),
            averages: averaging.then(|| joined.copy()),
            parameters: joined,
            moments_1: zeros(),
            moments_2: zeros(),
            layout,
        }
    }

    /// The buffers with these parameters in them, to be changed in place: nobody else holds parameters and
    /// averages then, and of the moments nobody reads what [`Update::moments`] showed before.
    pub fn own(&mut self, parameters: Vec<CubeTensor>) -> Buffers<'_> {
        let in_place = (self.layout.segments.iter().zip(&parameters))
            .all(|(segment, tensor)| is_view(tensor, &self.parameters, segment.start));
        if !in_place {
            self.parameters = join(&self.layout, &parameters);
        }
        // A tensor that somebody holds must not change. The caller's are gone with this.
        drop(parameters);
        make_exclusive(&mut self.parameters);
        self.averages.as_mut().map(make_exclusive);
        Buffers {
            parameters: &self.parameters,
            moments: [&self.moments_1, &self.moments_2],
            averages: self.averages.as_ref(),
        }
    }

    /// The parameters as they are.
    pub fn parameters(&self) -> Vec<CubeTensor> {
        self.views(&self.parameters)
    }

    /// A tensor for the place of others.
    pub fn placeholder(&self) -> Tensor<1> {
        Tensor::from_primitive::<CubeBackend>(view(&self.moments_1, 0, [1].into()))
    }

    /// The parts of one of the buffers as tensors.
    fn views(&self, buffer: &CubeTensor) -> Vec<CubeTensor> {
        let segments = self.layout.segments.iter();
        segments
            .map(|Segment { start, shape }| view(buffer, *start, shape.clone()))
            .collect()
    }
}

/// What a step changes.
pub struct Buffers<'a> {
    pub parameters: &'a CubeTensor,
    pub moments: [&'a CubeTensor; 2],
    pub averages: Option<&'a CubeTensor>,
}

/// Changes parameters, moments and averages in place. `buffers` are the parameters, both moments, and the
/// numbers of the step, [`AdamStep::to_array`].
pub fn update<Q: Queue>(
    queue: &mut Q,
    steps: &[Step],
    [parameters, moments_1, moments_2, hyper]: [&Q::Tensor; 4],
    averages: Option<&Q::Tensor>,
    gradients: &[Q::Tensor],
) {
    for step in steps {
        let part = |buffer: &Q::Tensor| queue.view(buffer, step.start, &[step.len]);
        let parts: Vec<Q::Tensor> = [parameters, moments_1, moments_2].map(part).into();
        let averages = averages.map(part);
        let mut tensors: Vec<&Q::Tensor> = parts.iter().collect();
        tensors.push(hyper);
        tensors.extend(&averages);
        tensors.extend(&gradients[step.segments.clone()]);
        queue.launch_generated(step.launch.clone(), &step.code, &tensors);
    }
}

impl Update<CubeBackend> for Store {
    fn update(
        &mut self,
        step: &AdamStep,
        parameters: Vec<FloatTensor<CubeBackend>>,
        gradients: Vec<FloatTensor<CubeBackend>>,
    ) -> Vec<FloatTensor<CubeBackend>> {
        self.own(parameters);
        let gradients: Vec<CubeTensor> = gradients.into_iter().map(into_contiguous).collect();
        let hyper = upload(&self.parameters, &step.to_array());
        update(
            &mut DeviceOf(&hyper),
            &self.steps,
            [&self.parameters, &self.moments_1, &self.moments_2, &hyper],
            self.averages.as_ref(),
            &gradients,
        );
        self.parameters()
    }

    fn moments(&self) -> Moments<FloatTensor<CubeBackend>> {
        Moments {
            moments_1: self.views(&self.moments_1),
            moments_2: self.views(&self.moments_2),
            averages: self.averages.as_ref().map(|averages| self.views(averages)),
        }
    }

    fn restore(&mut self, moments: Moments<Vec<f32>>) {
        let Moments {
            moments_1,
            moments_2,
            averages,
        } = moments.map(|v| upload(&self.parameters, &v));
        self.moments_1 = join(&self.layout, &moments_1);
        self.moments_2 = join(&self.layout, &moments_2);
        self.averages = averages.map(|averages| join(&self.layout, &averages));
    }
}

/// A buffer of these tensors, each at its offset, and zeros between them.
fn join(layout: &Layout, tensors: &[CubeTensor]) -> CubeTensor {
    let buffer = upload(&tensors[0], &vec![0.0f32; layout.len]);
    for (Segment { start, shape }, tensor) in layout.segments.iter().zip(tensors) {
        let joined = view(&buffer, *start, shape.clone());
        let tensor = into_contiguous(tensor.clone());
        launch(plan::join(shape.num_elements()), &[&tensor, &joined]);
    }
    buffer
}

/// Whether `tensor` is a [`view`] of `buffer` from `start` on.
fn is_view(tensor: &CubeTensor, buffer: &CubeTensor, start: usize) -> bool {
    let [ours, theirs] = [&buffer.handle, &tensor.handle].map(|handle| handle.memory.descriptor());
    std::ptr::eq(ours, theirs)
        && tensor.handle.offset_start == Some((start * size_of::<f32>()) as u64)
        && tensor.is_contiguous()
}

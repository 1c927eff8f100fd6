//! AdamW on `burn-wgpu`: all parameters in one buffer, and a launch for all of them.

use burn::backend::tensor::FloatTensor;
use burn::backend::{DType, TensorMetadata};
use burn::tensor::Shape;
use burn_wgpu::{CubeBackend, CubeTensor, into_contiguous};

use super::plan::{self, Layout, Segment, Step};
use super::{AdamStep, Moments, Update};
use crate::ops::wgsl::{launch, launch_generated, make_exclusive, upload};

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
        let layout = Layout::new(parameters.iter().map(|tensor| tensor.shape()));
        let most_bindings = parameters[0].client.properties().hardware.max_bindings;
        let zeros = || upload(&parameters[0], &vec![0.0f32; layout.len]);
        let joined = join(&layout, parameters);
        Self {
            steps: layout.steps(averaging, most_bindings as usize),
            averages: averaging.then(|| joined.copy()),
            parameters: joined,
            moments_1: zeros(),
            moments_2: zeros(),
            layout,
        }
    }

    /// The parts of one of the buffers as tensors.
    fn views(&self, buffer: &CubeTensor) -> Vec<CubeTensor> {
        let segments = self.layout.segments.iter();
        segments
            .map(|Segment { start, shape }| view(buffer, *start, shape.clone()))
            .collect()
    }
}

impl Update<CubeBackend> for Store {
    fn update(
        &mut self,
        step: &AdamStep,
        parameters: Vec<FloatTensor<CubeBackend>>,
        gradients: Vec<FloatTensor<CubeBackend>>,
    ) -> Vec<FloatTensor<CubeBackend>> {
        let in_place = (self.layout.segments.iter().zip(&parameters))
            .all(|(segment, tensor)| is_view(tensor, &self.parameters, segment.start));
        if !in_place {
            self.parameters = join(&self.layout, &parameters);
        }
        // A tensor that somebody holds must not change. The caller's are gone with this.
        drop(parameters);
        make_exclusive(&mut self.parameters);
        self.averages.as_mut().map(make_exclusive);

        let gradients: Vec<CubeTensor> = gradients.into_iter().map(into_contiguous).collect();
        let hyper = upload(&self.parameters, &step.to_array());
        for step in &self.steps {
            let part = |buffer| view(buffer, step.start, [step.len].into());
            let mut tensors = vec![
                part(&self.parameters),
                part(&self.moments_1),
                part(&self.moments_2),
                hyper.clone(),
            ];
            tensors.extend(self.averages.as_ref().map(part));
            tensors.extend(gradients[step.segments.clone()].iter().cloned());
            let tensors: Vec<&CubeTensor> = tensors.iter().collect();
            launch_generated(step.launch.clone(), &step.code, &tensors);
        }
        self.views(&self.parameters)
    }

    fn memory(&self) -> Moments<FloatTensor<CubeBackend>> {
        Moments {
            moments_1: self.views(&self.moments_1),
            moments_2: self.views(&self.moments_2),
            averages: self.averages.as_ref().map(|averages| self.views(averages)),
        }
    }

    fn restore(&mut self, memory: Moments<Vec<f32>>) {
        let Moments {
            moments_1,
            moments_2,
            averages,
        } = memory.map(|v| upload(&self.parameters, &v));
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

/// The elements of `buffer` from `start` on as a tensor that shares their memory.
fn view(buffer: &CubeTensor, start: usize, shape: Shape) -> CubeTensor {
    let bytes = |elements: usize| (elements * size_of::<f32>()) as u64;
    let after = buffer.shape().num_elements() - start - shape.num_elements();
    let handle = buffer.handle.clone();
    let handle = handle.offset_start(bytes(start)).offset_end(bytes(after));
    let (client, device) = (buffer.client.clone(), buffer.device.clone());
    CubeTensor::new_contiguous(client, device, shape, handle, DType::F32)
}

/// Whether `tensor` is a [`view`] of `buffer` from `start` on.
fn is_view(tensor: &CubeTensor, buffer: &CubeTensor, start: usize) -> bool {
    let [ours, theirs] = [&buffer.handle, &tensor.handle].map(|handle| handle.memory.descriptor());
    std::ptr::eq(ours, theirs)
        && tensor.handle.offset_start == Some((start * size_of::<f32>()) as u64)
        && tensor.is_contiguous()
}

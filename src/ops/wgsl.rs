//! Hand-written WGSL on Burn's tensors: how a shader is launched through CubeCL.

use std::sync::Arc;

use burn::backend::DType;
use burn::backend::TensorMetadata;
use burn::tensor::{Element, Shape};
use burn_cubecl::cubecl::ir::ElemType;
use burn_cubecl::cubecl::prelude::{CubeCount, ExecutionMode, KernelDefinition, KernelId};
use burn_cubecl::cubecl::server::KernelArguments;
use burn_cubecl::cubecl::{CubeKernel, PrecompiledSource};
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_wgpu::{CubeDim, CubeTensor, KernelMetadata, KernelSource, SourceKernel, SourceTemplate};
use bytemuck::NoUninit;

use crate::device::{AdapterClass, recorder};

/// Workgroups per grid dimension that every WebGPU device has.
pub const MAX_GRID: u32 = 65_535;

/// The text of a shader: of these files in `shaders`, one after the other.
macro_rules! template {
    ($($file:literal),+) => {
        concat!($(include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"), "/shaders/", $file, ".wgsl"
        ))),+)
    };
}
pub(crate) use template;

/// One kernel launch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Launch {
    /// What the kernel is called wherever launches are counted and timed: its file in `shaders`.
    pub name: &'static str,
    /// The text of the shader's files.
    pub template: &'static str,
    /// What each `{{ name }}` in the template stands for. Together with the template it
    /// identifies the pipeline.
    pub values: Vec<(&'static str, usize)>,
    /// Workgroups in x, y and z.
    pub grid: [u32; 3],
}

impl Launch {
    /// The shader as a device compiles it: with the sizes filled in, and `code` where the template leaves
    /// `{{ code }}` to the host.
    pub fn text(&self, code: Option<&str>) -> String {
        let values = self.values.iter();
        let values = values.map(|(name, value)| (*name, value.to_string()));
        let code = code.map(|code| ("code", code.to_owned()));
        let fill = |text: String, (name, value): (&str, String)| {
            text.replace(&format!("{{{{ {name} }}}}"), &value)
        };
        values.chain(code).fold(self.template.to_owned(), fill)
    }

    /// # Panics
    ///
    /// If a tensor of these shapes is empty or larger than a shader's indices reach, or the grid is
    /// larger than every WebGPU device takes: mistakes of the program, not of its user.
    pub fn check(&self, shapes: &[Vec<usize>]) {
        let fits = shapes.iter().all(|shape| is_indexable(shape))
            && self.grid.iter().all(|&groups| groups <= MAX_GRID);
        assert!(
            fits,
            "{}: tensors of {shapes:?} are too large for one launch, use smaller batches",
            self.name
        );
    }
}

/// A grid of so many workgroups in x, y and z; a number too large for `u32` stays too large for
/// [`MAX_GRID`].
pub fn grid(counts: [usize; 3]) -> [u32; 3] {
    counts.map(|groups| u32::try_from(groups).unwrap_or(u32::MAX))
}

/// A grid for a kernel that counts its workgroups through x and y, row by row: of so many in x, y and z, or, where one
/// of x and y would be too many, of rows that hold as many. Workgroups past the last one find nothing to do.
pub fn folded([across, down, deep]: [usize; 3]) -> [u32; 3] {
    let most = MAX_GRID as usize;
    if across.max(down) <= most {
        return grid([across, down, deep]);
    }
    let all = across.saturating_mul(down);
    let rows = all.div_ceil(most);
    grid([all.div_ceil(rows.max(1)), rows, deep])
}

/// Whether `sizes` multiply to at least 1 and to no more than a shader's 32-bit indices reach.
pub fn is_indexable(sizes: &[usize]) -> bool {
    sizes
        .iter()
        .try_fold(1usize, |len, &size| len.checked_mul(size))
        .is_some_and(|len| (1..=i32::MAX as usize).contains(&len))
}

/// Where kernels are launched: on a device, or in a program for one.
pub trait Queue {
    /// What a kernel binds.
    type Tensor: Clone;

    /// What kernels are chosen for.
    fn class(&self) -> AdapterClass;

    /// A contiguous tensor, not initialised, of elements of four bytes.
    fn empty(&mut self, dims: &[usize], dtype: DType) -> Self::Tensor;

    /// Queues a kernel with these contiguous tensors bound in order.
    ///
    /// # Panics
    ///
    /// If they or the grid are too large for one launch.
    fn launch(&mut self, plan: Launch, tensors: &[&Self::Tensor]);

    /// Like [`launch`](Self::launch), for a template that leaves `{{ code }}` to the host to write.
    fn launch_generated(&mut self, plan: Launch, code: &Arc<str>, tensors: &[&Self::Tensor]);

    /// The elements of `buffer` from `start` on as a tensor that shares their memory.
    fn view(&self, buffer: &Self::Tensor, start: usize, dims: &[usize]) -> Self::Tensor;
}

/// The queue of the device that a tensor is on.
pub struct DeviceOf<'a>(pub &'a CubeTensor);

impl Queue for DeviceOf<'_> {
    type Tensor = CubeTensor;

    fn class(&self) -> AdapterClass {
        AdapterClass::of(&self.0.device)
    }

    fn empty(&mut self, dims: &[usize], dtype: DType) -> CubeTensor {
        empty(self.0, dims, dtype)
    }

    fn launch(&mut self, plan: Launch, tensors: &[&CubeTensor]) {
        launch(plan, tensors);
    }

    fn launch_generated(&mut self, plan: Launch, code: &Arc<str>, tensors: &[&CubeTensor]) {
        let code = Some(Arc::clone(code));
        queue(Wgsl { plan, code }, tensors);
    }

    fn view(&self, buffer: &CubeTensor, start: usize, dims: &[usize]) -> CubeTensor {
        view(buffer, start, dims.to_vec().into())
    }
}

/// A contiguous tensor on the device of `like`, not initialised.
pub fn empty(like: &CubeTensor, dims: &[usize], dtype: DType) -> CubeTensor {
    empty_device_contiguous_dtype(
        like.client.clone(),
        like.device.clone(),
        Shape::from(dims.to_vec()),
        dtype,
    )
}

/// The elements of `buffer` from `start` on as a tensor that shares their memory.
pub fn view(buffer: &CubeTensor, start: usize, shape: Shape) -> CubeTensor {
    let bytes = |elements: usize| (elements * size_of::<f32>()) as u64;
    let after = buffer.shape().num_elements() - start - shape.num_elements();
    let handle = buffer.handle.clone();
    let handle = handle.offset_start(bytes(start)).offset_end(bytes(after));
    let (client, device) = (buffer.client.clone(), buffer.device.clone());
    CubeTensor::new_contiguous(client, device, shape, handle, DType::F32)
}

/// Makes a contiguous tensor one whose buffer a kernel may change: nobody else holds it.
pub fn make_exclusive(tensor: &mut CubeTensor) {
    if !tensor.can_mut() {
        *tensor = tensor.copy();
    }
}

/// A tensor of these values on the device of `like`.
pub fn upload<E: Element + NoUninit>(like: &CubeTensor, values: &[E]) -> CubeTensor {
    recorder::uploaded(size_of_val(values));
    let handle = like.client.create_from_slice(bytemuck::cast_slice(values));
    let (client, device) = (like.client.clone(), like.device.clone());
    CubeTensor::new_contiguous(client, device, [values.len()].into(), handle, E::dtype())
}

/// Queues a kernel with these contiguous tensors bound in order.
///
/// # Panics
///
/// If they or the grid are too large for one launch.
pub fn launch(plan: Launch, tensors: &[&CubeTensor]) {
    queue(Wgsl { plan, code: None }, tensors);
}

fn queue(kernel: Wgsl, tensors: &[&CubeTensor]) {
    let shapes = tensors.iter().map(|tensor| tensor.meta.shape().to_vec());
    kernel.plan.check(&shapes.collect::<Vec<_>>());
    #[cfg(test)]
    launched::note(&kernel, tensors);
    let client = tensors[0].client.clone();
    let [x, y, z] = kernel.plan.grid;
    let bindings = tensors
        .iter()
        .map(|tensor| tensor.handle.clone().binding())
        .collect();
    let kernel = Named {
        name: kernel.plan.name,
        // The workgroup's size stands in the shader; CubeCL has no use for it.
        kernel: SourceKernel::new(kernel, CubeDim::new_single()),
    };
    client.launch(
        Box::new(kernel),
        CubeCount::Static(x, y, z),
        KernelArguments::new().with_buffers(bindings),
    );
}

/// What tests see of the launches of their thread.
#[cfg(test)]
pub mod launched {
    use std::cell::RefCell;

    use super::{CubeTensor, Wgsl};
    use burn::backend::TensorMetadata;

    /// A launch on a device.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Launched {
        /// The kernel's name.
        pub name: &'static str,
        /// Its text.
        pub code: String,
        /// Workgroups.
        pub grid: [u32; 3],
        /// Memory, the first byte in it, and how many.
        pub bindings: Vec<(usize, u64, usize)>,
    }

    thread_local! {
        static LAUNCHED: RefCell<Vec<Launched>> = const { RefCell::new(Vec::new()) };
    }

    pub(super) fn note(kernel: &Wgsl, tensors: &[&CubeTensor]) {
        let binding = |tensor: &&CubeTensor| {
            let memory = std::ptr::from_ref(tensor.handle.memory.descriptor()).addr();
            let first = tensor.handle.offset_start.unwrap_or(0);
            (
                memory,
                first,
                tensor.shape().num_elements() * tensor.dtype.size(),
            )
        };
        let launch = Launched {
            name: kernel.plan.name,
            code: kernel.plan.text(kernel.code.as_deref()),
            grid: kernel.plan.grid,
            bindings: tensors.iter().map(binding).collect(),
        };
        LAUNCHED.with_borrow_mut(|launched| launched.push(launch));
    }

    /// The launches of this thread since this was asked for last.
    pub fn take() -> Vec<Launched> {
        LAUNCHED.take()
    }
}

/// A shader with its sizes filled in.
struct Wgsl {
    plan: Launch,
    code: Option<Arc<str>>,
}

impl KernelSource for Wgsl {
    fn source(&self) -> SourceTemplate {
        SourceTemplate::new(self.plan.text(self.code.as_deref()))
    }

    fn id(&self) -> KernelId {
        // A cached pipeline is found by this: it tells the shader, by where its text lies, every
        // size in it and what the host wrote. The shaders' loops all end, so that wgpu need not
        // bound them.
        let template = (
            self.plan.template.as_ptr() as usize,
            self.plan.template.len(),
        );
        KernelId::new::<Self>()
            .info((template, self.plan.values.clone(), self.code.clone()))
            .mode(ExecutionMode::Unchecked)
    }

    fn lang(&self) -> &'static str {
        "wgsl"
    }
}

/// A kernel that tells CubeCL, and whoever observes its launches, the shader's name instead of the
/// name of a Rust type.
struct Named {
    name: &'static str,
    kernel: SourceKernel<Wgsl>,
}

impl KernelMetadata for Named {
    fn name(&self) -> &'static str {
        self.name
    }

    fn id(&self) -> KernelId {
        self.kernel.id()
    }

    fn address_type(&self) -> ElemType {
        self.kernel.address_type()
    }
}

impl CubeKernel for Named {
    fn define(&self) -> KernelDefinition {
        self.kernel.define()
    }

    fn source(&self) -> Option<PrecompiledSource> {
        self.kernel.source()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_that_is_too_long_is_folded() {
        let most = MAX_GRID as usize;
        assert_eq!(folded([most, 1, 3]), [MAX_GRID, 1, 3]);
        assert_eq!(folded([2, most, 3]), [2, MAX_GRID, 3]);
        assert_eq!(folded([most + 1, 1, 3]), [32_768, 2, 3]);
        assert_eq!(folded([3, most + 1, 1]), [49_152, 4, 1]);
        assert_eq!(folded([1, 0, 1]), [1, 0, 1]);
        for counts in [[usize::MAX, 2, 1], [0, usize::MAX, 1]] {
            let [across, down, _] = folded(counts);
            assert!(across == 0 || down > MAX_GRID, "is still refused");
        }
    }

    #[test]
    fn what_is_too_large_is_refused_by_name() {
        let refusal = |grid: [u32; 3], dims: &[usize]| {
            let launch = Launch {
                name: "linear/forward",
                template: "",
                values: Vec::new(),
                grid,
            };
            let shapes = [vec![2, 3], dims.to_vec()];
            let panic = std::panic::catch_unwind(|| launch.check(&shapes)).err()?;
            Some(panic.downcast_ref::<String>().expect("a message").clone())
        };
        let largest = i32::MAX as usize;
        assert_eq!(refusal([MAX_GRID; 3], &[1, largest]), None);
        for (grid, dims) in [
            ([1, 1, MAX_GRID + 1], [1, largest]),
            ([1; 3], [2, largest]),
            ([1; 3], [usize::MAX, largest]),
            ([1; 3], [1, 0]),
        ] {
            let message = refusal(grid, &dims).expect("is refused");
            let sizes = format!("[[2, 3], {dims:?}]");
            for part in ["linear/forward", &sizes, "use smaller batches"] {
                assert!(message.contains(part), "{message}");
            }
        }
    }
}

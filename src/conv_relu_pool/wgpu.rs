//! The block on `burn-wgpu`: tensors in and out of the kernels in `shaders/conv_relu_pool/`.
//!
//! Codes are packed, one byte for each element of the output: see `forward.wgsl`.

use burn::backend::DType;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::tensor::Shape;
use burn_cubecl::cubecl::prelude::{CubeCount, ExecutionMode, KernelId};
use burn_cubecl::cubecl::server::KernelArguments;
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_wgpu::{
    CubeBackend, CubeDim, CubeTensor, KernelSource, SourceKernel, SourceTemplate, into_contiguous,
};

use super::autodiff::block_shape;
use super::plan::{self, Launch};
use super::{BlockKernels, BlockShape, ConvReluPool};

impl ConvReluPool for CubeBackend {
    fn conv_relu_pool(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        Self::forward(input, weight, bias).0
    }
}

impl BlockKernels for CubeBackend {
    fn forward(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, IntTensor<Self>) {
        let shape = block_shape(&input, &weight, &bias);
        let [input, weight, bias] = [input, weight, bias].map(into_contiguous);
        let output = empty(&input, &shape.output_dims(), DType::F32);
        let codes = empty(&input, &[shape.code_words()], DType::U32);
        launch(
            plan::forward(&shape),
            &[&input, &weight, &bias, &output, &codes],
        );
        (output, codes)
    }

    fn grad_input(
        shape: BlockShape,
        weight: FloatTensor<Self>,
        codes: IntTensor<Self>,
        grad_output: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let [weight, grad_output] = [weight, grad_output].map(into_contiguous);
        let grad_input = empty(&weight, &shape.input_dims(), DType::F32);
        launch(
            plan::grad_input(&shape),
            &[&weight, &codes, &grad_output, &grad_input],
        );
        grad_input
    }

    fn grad_weight_bias(
        shape: BlockShape,
        input: FloatTensor<Self>,
        codes: IntTensor<Self>,
        grad_output: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let [input, grad_output] = [input, grad_output].map(into_contiguous);
        let plan = plan::grad_weight(&shape);
        let partials = empty(&input, &[plan.partials], DType::F32);
        let grad_weight = empty(&input, &shape.weight_dims(), DType::F32);
        let grad_bias = empty(&input, &[shape.out_channels], DType::F32);
        launch(plan.partial, &[&input, &codes, &grad_output, &partials]);
        launch(plan.reduce, &[&partials, &grad_weight, &grad_bias]);
        (grad_weight, grad_bias)
    }
}

/// A contiguous tensor on the device of `like`, not initialised.
fn empty(like: &CubeTensor, dims: &[usize], dtype: DType) -> CubeTensor {
    empty_device_contiguous_dtype(
        like.client.clone(),
        like.device.clone(),
        Shape::from(dims.to_vec()),
        dtype,
    )
}

/// Queues a kernel with these contiguous tensors bound in order.
fn launch(plan: Launch, tensors: &[&CubeTensor]) {
    let client = tensors[0].client.clone();
    let [x, y, z] = plan.grid;
    let bindings = tensors
        .iter()
        .map(|tensor| tensor.handle.clone().binding())
        .collect();
    // The workgroup's size stands in the shader; CubeCL has no use for it.
    let kernel = SourceKernel::new(Wgsl(plan), CubeDim::new_single());
    client.launch(
        Box::new(kernel),
        CubeCount::Static(x, y, z),
        KernelArguments::new().with_buffers(bindings),
    );
}

/// A shader with its sizes filled in.
struct Wgsl(Launch);

impl KernelSource for Wgsl {
    fn source(&self) -> SourceTemplate {
        let template = SourceTemplate::new(self.0.template);
        let values = self.0.values.iter();
        values.fold(template, |template, (name, value)| {
            template.register(*name, value.to_string())
        })
    }

    fn id(&self) -> KernelId {
        // A cached pipeline is found by this: it names the shader and every size in it. The
        // shaders' loops all end, so that wgpu need not bound them.
        KernelId::new::<Self>()
            .info((self.0.template, self.0.values.clone()))
            .mode(ExecutionMode::Unchecked)
    }

    fn lang(&self) -> &'static str {
        "wgsl"
    }
}

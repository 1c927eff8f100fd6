//! The program of a model's answer.

use super::{Program, Tensor, Writer};
use crate::export::Layer;
use crate::ops::conv_relu_pool::{self, BlockShape};
use crate::ops::linear::{self, LinearShape};
use crate::ops::softmax::softmax;

/// From the input `image`, `[batch, channels, height, width]` of f32 as the model sees it, to the output
/// `probabilities`, `[batch, classes]`. The weights are those of the layers, one after the other: each one's
/// weight, then its bias.
///
/// # Panics
///
/// If the layers do not fit together, or are too large for a batch of this size.
pub fn predict(layers: &[Layer], [batch, channels, height, width]: [usize; 4]) -> Program {
    let mut writer = Writer::default();
    let mut dims = [batch, channels, height, width];
    let mut x = writer.input("image", &dims);
    for (number, layer) in layers.iter().enumerate() {
        match layer {
            Layer::ConvReluPool { shape, bias, .. } => {
                let block = BlockShape::of(dims, *shape, bias.len());
                let [weight, bias] = parameters(&mut writer, number, shape);
                let tensors = [&x, &weight, &bias];
                (x, _) = conv_relu_pool::gpu::forward(&mut writer, &block, tensors);
                dims = block.output_dims();
            }
            Layer::Linear { shape, relu, .. } => {
                let [inputs, outputs] = *shape;
                let [weight, bias] = parameters(&mut writer, number, &[inputs, outputs]);
                x = x.reshaped(&[batch, inputs]);
                let linear = LinearShape {
                    batch,
                    inputs,
                    outputs,
                };
                let tensors = [&x, &weight, &bias];
                x = linear::gpu::forward(&mut writer, &linear, tensors, *relu);
            }
        }
    }
    let classes = x.dims[1];
    let probabilities = softmax(&mut writer, [batch, classes], &x);
    writer.output("probabilities", &probabilities);
    writer.program
}

/// Weight and bias of a layer.
fn parameters(writer: &mut Writer, layer: usize, weight: &[usize]) -> [Tensor; 2] {
    let outputs = match weight {
        [_, outputs] => outputs,
        _ => &weight[0],
    };
    [
        writer.weights(format!("layer {layer}, weight"), weight),
        writer.weights(format!("layer {layer}, bias"), &[*outputs]),
    ]
}

#[cfg(test)]
mod tests {
    use burn::Tensor as BurnTensor;

    use super::*;
    use crate::dataset::{FASHION_MNIST_SPEC, ImageShape, Spec};
    use crate::device::{self, BackendChoice};
    use crate::model::{Architecture, Classifier, KERNEL, Kernels, ModelKind};
    use crate::ops::wgsl::launched;
    use crate::program::tests::assert_same;

    /// Layers of these sizes, whose weights are nothing.
    fn layers(architecture: &Architecture) -> Vec<Layer> {
        let blocks = architecture.convolutions().into_iter();
        let mut layers: Vec<Layer> = blocks
            .map(|[inputs, outputs]| Layer::ConvReluPool {
                shape: [outputs, inputs, KERNEL, KERNEL],
                weight: Vec::new(),
                bias: vec![0.0; outputs],
            })
            .collect();
        let connected = architecture.connected();
        let last = connected.len() - 1;
        let connected = connected.into_iter().enumerate();
        layers.extend(connected.map(|(number, shape)| Layer::Linear {
            shape,
            weight: Vec::new(),
            bias: Vec::new(),
            relu: number < last,
        }));
        layers
    }

    #[test]
    fn an_answer_is_what_the_native_path_launches() {
        let device = device::select(BackendChoice::Wgpu, None).unwrap().device;
        let odd = ImageShape {
            channels: 3,
            height: 21,
            width: 50,
        };
        for spec in [FASHION_MNIST_SPEC, Spec::new(odd, 101)] {
            for kind in ModelKind::ALL {
                let architecture = Architecture::of(kind, spec);
                let model = Classifier::new(&architecture, Kernels::Fused, 0, &device);
                for batch in [1, 3, 125] {
                    let ImageShape {
                        channels,
                        height,
                        width,
                    } = spec.shape;
                    let dims = [batch, channels, height, width];
                    launched::take();
                    model.forward(BurnTensor::zeros(dims, &device));
                    let native = launched::take();
                    let mut program = predict(&layers(&architecture), dims);
                    // Natively the softmax is Burn's.
                    let softmax = program.launches.pop().unwrap();
                    assert_eq!(program.pipelines[softmax.pipeline].name, "softmax/rows");
                    assert_same(&program, &native);
                }
            }
        }
    }
}

//! The programs of a trained model's predictions.

use super::{PAGE_CLASS, Program, Tensor, Writer};
use crate::dataset::ImageShape;
use crate::model::{Architecture, Convolution, KERNEL};
use crate::ops::channel_norm;
use crate::ops::conv_relu_pool::{self, BlockShape};
use crate::ops::linear::{self, LinearShape};
use crate::ops::softmax::softmax;

/// From the input `image`, `[batch, channels, height, width]` of f32 as the model sees it, to the output
/// `probabilities`, `[batch, classes]`. The weights are those of the layers, one after the other: each one's
/// weight, then its bias.
///
/// # Panics
///
/// If the model is too large for a batch of this size.
pub fn predict(architecture: &Architecture, batch: usize) -> Program {
    let ImageShape {
        channels,
        height,
        width,
    } = architecture.input;
    let mut writer = Writer::new(PAGE_CLASS);
    let images = writer.input("image", &[batch, channels, height, width]);
    probabilities(writer, architecture, images)
}

/// The same of a batch out of `images` on the device, chosen by the inputs as in
/// [`train`](super::train()).
///
/// # Panics
///
/// As [`predict`].
pub fn evaluate(architecture: &Architecture, images: usize, batch: usize) -> Program {
    let mut writer = Writer::new(PAGE_CLASS);
    let [images, _] = writer.batch(architecture, images, batch);
    probabilities(writer, architecture, images)
}

/// What the normalisation divides by on such a batch: the outputs `factors 0`, `factors 1`, … are those of the
/// blocks, `[channels]`, as [`channel_norm`] has them. The weights are those of the blocks, as in [`predict`], and
/// nothing is normalised on the way: a block's factors count when those of the blocks before are in their weights.
///
/// # Panics
///
/// As [`predict`].
pub fn measure(architecture: &Architecture, images: usize, batch: usize) -> Program {
    let mut writer = Writer::new(PAGE_CLASS);
    let [mut x, _] = writer.batch(architecture, images, batch);
    for (number, convolution) in architecture.convolutions().into_iter().enumerate() {
        let output = block(&mut writer, number, convolution, x);
        let dims = [0, 1, 2, 3].map(|axis| output.dims[axis]);
        let (_, factors) = channel_norm::gpu::forward(&mut writer, dims, &output);
        writer.output(&format!("factors {number}"), &factors);
        x = output;
    }
    writer.program
}

/// From images to probabilities.
fn probabilities(mut writer: Writer, architecture: &Architecture, images: Tensor) -> Program {
    let mut x = images;
    let batch = x.dims[0];
    let blocks = architecture.convolutions();
    for (number, &convolution) in blocks.iter().enumerate() {
        x = block(&mut writer, number, convolution, x);
    }
    let connected = architecture.connected();
    let last = connected.len() - 1;
    for (number, [inputs, outputs]) in connected.into_iter().enumerate() {
        let layer = blocks.len() + number;
        let [weight, bias] = parameters(&mut writer, layer, &[inputs, outputs], outputs);
        x = x.reshaped(&[batch, inputs]);
        let shape = LinearShape {
            batch,
            inputs,
            outputs,
        };
        let tensors = [&x, &weight, &bias];
        x = linear::gpu::forward(&mut writer, &shape, tensors, number < last);
    }
    let probabilities = softmax(&mut writer, [batch, architecture.classes], &x);
    writer.output("probabilities", &probabilities);
    writer.program
}

fn block(writer: &mut Writer, number: usize, convolution: Convolution, input: Tensor) -> Tensor {
    let Convolution { channels, pool, .. } = convolution;
    let [inputs, outputs] = channels;
    let dims = [0, 1, 2, 3].map(|axis| input.dims[axis]);
    let weight_dims = [outputs, inputs, KERNEL, KERNEL];
    let shape = BlockShape::of(dims, weight_dims, outputs, pool);
    let [weight, bias] = parameters(writer, number, &weight_dims, outputs);
    let tensors = [&input, &weight, &bias];
    conv_relu_pool::gpu::forward(writer, &shape, tensors).0
}

/// Weight and bias of a layer.
fn parameters(writer: &mut Writer, layer: usize, weight: &[usize], outputs: usize) -> [Tensor; 2] {
    [
        writer.weights(format!("layer {layer}, weight"), weight),
        writer.weights(format!("layer {layer}, bias"), &[outputs]),
    ]
}

#[cfg(test)]
mod tests {
    use burn::Tensor as BurnTensor;

    use super::*;
    use crate::dataset::{FASHION_MNIST_SPEC, Spec, Split};
    use crate::device::{self, BackendChoice};
    use crate::model::{Classifier, Implementation};
    use crate::ops::wgsl::launched;
    use crate::program::tests::{architectures, assert_same};
    use crate::train::DeviceSplit;

    #[test]
    fn a_prediction_is_what_the_native_path_launches() {
        let device = device::select_as(BackendChoice::Wgpu, None, Some(PAGE_CLASS))
            .unwrap()
            .device;
        let odd = ImageShape {
            channels: 3,
            height: 21,
            width: 50,
        };
        for spec in [FASHION_MNIST_SPEC, Spec::new(odd, 101)] {
            for architecture in architectures(spec) {
                let model = Classifier::new(&architecture, Implementation::Fused, 0, &device);
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
                    let mut program = predict(&architecture, batch);
                    // Natively the softmax is Burn's.
                    let softmax = program.launches.pop().unwrap();
                    assert_eq!(program.pipelines[softmax.pipeline].name, "softmax/rows");
                    assert_same(&program, &native);
                }
            }
        }
    }

    #[test]
    fn an_evaluation_and_a_measurement_are_what_the_native_path_launches() {
        let device = device::select_as(BackendChoice::Wgpu, None, Some(PAGE_CLASS))
            .unwrap()
            .device;
        let shape = ImageShape {
            channels: 3,
            height: 22,
            width: 15,
        };
        let (spec, images, batch) = (Spec::new(shape, 7), 61, 48);
        let split = Split::new(spec, vec![1; images * shape.values()], vec![3; images]).unwrap();
        let split = DeviceSplit::upload(split, &device);
        for architecture in architectures(spec) {
            let model = Classifier::new(&architecture, Implementation::Fused, 0, &device);
            launched::take();
            let x = split.batches(batch).next().unwrap().images;
            model.forward(x);
            let native = launched::take();
            let mut program = evaluate(&architecture, images, batch);
            program.launches.pop();
            assert_same(&program, &native);

            let x = split.batches(batch).next().unwrap().images;
            // Kept, so that what follows gets memory of its own.
            let mut normalized = Vec::new();
            model.blocks.iter().fold(x, |x, block| {
                let output = block.forward(x);
                normalized.push(channel_norm::channel_norm(output.clone()));
                output
            });
            let program = measure(&architecture, images, batch);
            assert_same(&program, &launched::take());
            let factors = model.blocks.len();
            assert_eq!(program.outputs.len(), factors);
        }
    }
}

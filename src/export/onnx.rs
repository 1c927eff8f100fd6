//! Models in the ONNX format.
//!
//! The numbers of fields and the values of enumerations are those of
//! [`onnx.proto3`](https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3).

use std::{iter, slice};

use super::protobuf::Message;
use super::{Module, Network, Tensor, bytes};
use crate::dataset::ImageShape;
use crate::ops::gather::Normalization;

/// The operators of ONNX 1.8, of 2020: whatever reads ONNX reads these.
const OPSET: usize = 13;
/// Version of the file format that belongs to [`OPSET`].
const IR_VERSION: usize = 7;

const INPUT: &str = "image";
const OUTPUT: &str = "probabilities";

const FLOAT: usize = 1;
const ATTRIBUTE_FLOAT: usize = 1;
const ATTRIBUTE_INT: usize = 2;
const ATTRIBUTE_INTS: usize = 7;

/// An ONNX file: `image`, float32 `[batch, channels, height, width]` with pixels in [0, 1] as the model
/// saw them in training, to `probabilities`, float32 `[batch, classes]`, for any `batch`. The metadata has the names of the
/// classes, as a list in JSON, under `class_names`.
pub fn to_bytes(network: &Network) -> Vec<u8> {
    let class_names = Message::default()
        .bytes(1, "class_names")
        .bytes(2, network.class_names());
    let model = Message::default()
        .integer(1, IR_VERSION)
        .bytes(2, env!("CARGO_PKG_NAME"))
        .bytes(3, env!("CARGO_PKG_VERSION"))
        .message(7, graph(network))
        .message(8, Message::default().integer(2, OPSET))
        .message(14, class_names);
    model.into_bytes()
}

/// Each module is one operation on what the one before made. The pixels are normalised before the
/// first one if the network wants that, and a softmax follows the last one.
///
/// Attributes are written even where they have their default or could be inferred: OpenCV before
/// 4.13 reads no `Conv` without `kernel_shape`.
fn graph(network: &Network) -> Message {
    let mut nodes = Vec::new();
    let mut tensors = network.tensors();
    let mut value = INPUT.to_owned();
    if network.normalization != Normalization::Unit {
        let [mean, std] = network.mean_and_std();
        for (operation, name, numbers) in [("Sub", "mean", mean), ("Div", "std", std)] {
            let output = format!("image.{name}");
            nodes.push(node(operation, &[value, name.to_owned()], &output, vec![]));
            tensors.push(Tensor {
                name: name.to_owned(),
                shape: match numbers.len() {
                    1 => vec![],
                    channels => vec![channels, 1, 1],
                },
                bytes: bytes(&numbers),
            });
            value = output;
        }
    }
    for (place, module) in network.modules().into_iter().enumerate() {
        let weights = ["weight", "bias"].map(|part| format!("{place}.{part}"));
        let (operation, weights, attributes) = match module {
            Module::Conv2d([_, _, height, width], ..) => {
                let same = [height / 2, width / 2, height / 2, width / 2];
                let attributes = vec![
                    integers("kernel_shape", &[height, width]),
                    integers("strides", &[1, 1]),
                    integers("pads", &same),
                    integers("dilations", &[1, 1]),
                    integer("group", 1),
                ];
                ("Conv", &weights[..], attributes)
            }
            Module::ReLU => ("Relu", &[][..], vec![]),
            Module::MaxPool2d => {
                let attributes = vec![
                    integers("kernel_shape", &[2, 2]),
                    integers("strides", &[2, 2]),
                    integers("pads", &[0; 4]),
                    integers("dilations", &[1, 1]),
                    integer("ceil_mode", 0),
                ];
                ("MaxPool", &[][..], attributes)
            }
            Module::Flatten => ("Flatten", &[][..], vec![integer("axis", 1)]),
            Module::Linear(..) => {
                let attributes = vec![
                    float("alpha", 1.0),
                    float("beta", 1.0),
                    integer("transA", 0),
                    integer("transB", 1),
                ];
                ("Gemm", &weights[..], attributes)
            }
        };
        let output = format!("{place}.output");
        let inputs = [slice::from_ref(&value), weights].concat();
        nodes.push(node(operation, &inputs, &output, attributes));
        value = output;
    }
    let axis = vec![integer("axis", 1)];
    nodes.push(node("Softmax", &[value], OUTPUT, axis));

    let ImageShape {
        channels,
        height,
        width,
    } = network.spec.shape;
    Message::default()
        .messages(1, nodes)
        .bytes(2, &network.name)
        .messages(5, tensors.into_iter().map(tensor))
        .message(11, batch_of(INPUT, &[channels, height, width]))
        .message(12, batch_of(OUTPUT, &[network.class_names.len()]))
}

/// A `NodeProto`: an operation on some values, which makes one and has its name.
fn node(operation: &str, inputs: &[String], output: &str, attributes: Vec<Message>) -> Message {
    inputs
        .iter()
        .fold(Message::default(), |node, input| node.bytes(1, input))
        .bytes(2, output)
        .bytes(3, output)
        .bytes(4, operation)
        .messages(5, attributes)
}

/// An `AttributeProto` of one number.
fn float(name: &str, value: f32) -> Message {
    Message::default()
        .bytes(1, name)
        .float(2, value)
        .integer(20, ATTRIBUTE_FLOAT)
}

/// An `AttributeProto` of one integer.
fn integer(name: &str, value: usize) -> Message {
    Message::default()
        .bytes(1, name)
        .integer(3, value)
        .integer(20, ATTRIBUTE_INT)
}

/// An `AttributeProto` of a list of integers.
fn integers(name: &str, values: &[usize]) -> Message {
    Message::default()
        .bytes(1, name)
        .integers(8, values)
        .integer(20, ATTRIBUTE_INTS)
}

/// A `TensorProto`.
fn tensor(tensor: Tensor) -> Message {
    Message::default()
        .integers(1, &tensor.shape)
        .integer(2, FLOAT)
        .bytes(8, tensor.name)
        .bytes(9, tensor.bytes)
}

/// A `ValueInfoProto`: any number of float32 tensors of a shape.
fn batch_of(name: &str, shape: &[usize]) -> Message {
    let batch = Message::default().bytes(2, "batch");
    let rest = shape
        .iter()
        .map(|&side| Message::default().integer(1, side));
    let shape = Message::default().messages(1, iter::once(batch).chain(rest));
    let tensor = Message::default().integer(1, FLOAT).message(2, shape);
    Message::default()
        .bytes(1, name)
        .message(2, Message::default().message(1, tensor))
}

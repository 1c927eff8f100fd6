//! Networks of which the parts fit together become files, and no others. What is in the files is
//! checked by `check_export.py`, in the programs that they are for.

use ::safetensors::SafeTensors;
use fmnist::dataset::{FASHION_MNIST_CLASSES, FASHION_MNIST_SPEC};
use fmnist::export::{Layer, Network, onnx, safetensors};
use fmnist::ops::gather::Normalization;

fn class_names() -> Vec<String> {
    FASHION_MNIST_CLASSES.map(str::to_owned).to_vec()
}

/// A block with a pool. Weights are all different.
fn conv(shape: [usize; 4]) -> Layer {
    block(shape, 2)
}

fn block(shape: [usize; 4], pool: usize) -> Layer {
    Layer::ConvReluPool {
        shape,
        weight: (0..shape.iter().product()).map(|i| i as f32).collect(),
        bias: (0..shape[0]).map(|i| -(i as f32)).collect(),
        pool,
    }
}

fn linear(shape: [usize; 2], relu: bool) -> Layer {
    Layer::Linear {
        shape,
        weight: (0..shape[0] * shape[1]).map(|i| i as f32).collect(),
        bias: vec![0.5; shape[1]],
        relu,
    }
}

fn network(layers: Vec<Layer>) -> fmnist::Result<Network> {
    Network::new(
        "cnn",
        FASHION_MNIST_SPEC,
        Normalization::Centered,
        layers,
        &class_names(),
    )
}

#[test]
fn weights_have_the_names_and_layouts_of_pytorch() {
    let layers = vec![
        conv([2, 1, 3, 3]),
        conv([3, 2, 5, 5]),
        linear([147, 20], true),
        linear([20, 10], false),
    ];
    let file = safetensors::to_bytes(&network(layers).unwrap());
    let tensors = SafeTensors::deserialize(&file).unwrap();
    let mut shapes: Vec<_> = tensors
        .iter()
        .map(|(name, tensor)| (name, tensor.shape().to_vec()))
        .collect();
    shapes.sort();
    let expected: [(&str, &[usize]); 8] = [
        ("0.bias", &[2]),
        ("0.weight", &[2, 1, 3, 3]),
        ("3.bias", &[3]),
        ("3.weight", &[3, 2, 5, 5]),
        ("7.bias", &[20]),
        ("7.weight", &[20, 147]),
        ("9.bias", &[10]),
        ("9.weight", &[10, 20]),
    ];
    assert_eq!(shapes, expected.map(|(name, shape)| (name, shape.to_vec())));

    let value = |name: &str, index: usize| {
        let bytes = tensors.tensor(name).unwrap().data()[4 * index..]
            .as_chunks()
            .0[0];
        f32::from_le_bytes(bytes)
    };
    assert_eq!(value("3.weight", 77), 77.0);
    // Output 4 of input 9.
    assert_eq!(value("7.weight", 4 * 147 + 9), (9 * 20 + 4) as f32);
    assert_eq!(value("0.bias", 1), -1.0);
}

#[test]
fn a_block_without_a_pool_is_one_module_less() {
    let layers = vec![
        block([2, 1, 3, 3], 1),
        conv([3, 2, 3, 3]),
        linear([588, 10], false),
    ];
    let network = network(layers).unwrap();
    let file = safetensors::to_bytes(&network);
    let tensors = SafeTensors::deserialize(&file).unwrap();
    // Conv2d, ReLU, Conv2d, ReLU, MaxPool2d, Flatten, Linear.
    let mut names = tensors.names();
    names.sort_unstable();
    let expected = [
        "0.bias", "0.weight", "2.bias", "2.weight", "6.bias", "6.weight",
    ];
    assert_eq!(names, expected);
    let file = onnx::to_bytes(&network);
    for (operation, times) in [("Conv", 2), ("Relu", 2), ("MaxPool", 1)] {
        assert_eq!(count(&file, operation), times, "{operation}");
    }
}

/// How often a name stands in a file.
fn count(file: &[u8], name: &str) -> usize {
    let windows = file.windows(name.len());
    windows.filter(|part| *part == name.as_bytes()).count()
}

#[test]
fn the_metadata_say_what_pixels_become() {
    let layers = || vec![linear([784, 10], false)];
    for (pixels, mean, std) in [
        (Normalization::Unit, 0.0, 1.0),
        // Of Fashion-MNIST's training images.
        (Normalization::Centered, 0.286, 0.353),
    ] {
        let network = Network::new(
            "dense",
            FASHION_MNIST_SPEC,
            pixels,
            layers(),
            &class_names(),
        )
        .unwrap();
        let file = safetensors::to_bytes(&network);
        let (_, header) = SafeTensors::read_metadata(&file).unwrap();
        let metadata = header.metadata().as_ref().unwrap();
        let near = |name: &str, value: f32| {
            let number: f32 = metadata[name].parse().unwrap();
            (number - value).abs() < 5e-4
        };
        assert!(
            near("pixel_mean", mean) && near("pixel_std", std),
            "{metadata:?}"
        );
        let names: Vec<String> = serde_json::from_str(&metadata["class_names"]).unwrap();
        assert_eq!(names, class_names());
    }
}

#[test]
fn the_same_network_is_the_same_file() {
    let network = network(vec![conv([4, 1, 3, 3]), linear([784, 10], false)]).unwrap();
    assert_eq!(onnx::to_bytes(&network), onnx::to_bytes(&network));
    assert_eq!(
        safetensors::to_bytes(&network),
        safetensors::to_bytes(&network)
    );
}

#[test]
fn attributes_that_could_be_inferred_are_written() {
    let network = network(vec![
        conv([2, 1, 3, 3]),
        conv([3, 2, 5, 5]),
        linear([147, 10], false),
    ]);
    let file = onnx::to_bytes(&network.unwrap());
    // Of two convolutions, each with its pool, and a linear layer.
    for name in ["kernel_shape", "strides", "pads", "dilations"] {
        assert_eq!(count(&file, name), 4, "{name}");
    }
    for (name, times) in [("group", 2), ("ceil_mode", 2), ("axis", 2), ("alpha", 1)] {
        assert_eq!(count(&file, name), times, "{name}");
    }
}

#[test]
fn networks_that_do_not_fit_together_are_refused() {
    let short = Layer::Linear {
        shape: [784, 10],
        weight: vec![0.0; 7839],
        bias: vec![0.0; 10],
        relu: false,
    };
    for (layers, part) in [
        (vec![], "does not end"),
        (vec![conv([10, 1, 3, 3])], "does not end"),
        (
            vec![linear([784, 9], false)],
            "one output for each of its 10",
        ),
        (vec![linear([783, 10], false)], "layer 0"),
        (vec![short], "layer 0"),
        (
            vec![conv([4, 3, 3, 3]), linear([784, 10], false)],
            "layer 0",
        ),
        (
            vec![conv([4, 1, 2, 2]), linear([784, 10], false)],
            "layer 0",
        ),
        (
            vec![conv([4, 1, 3, 3]), linear([783, 10], false)],
            "layer 1",
        ),
        (vec![linear([784, 9], true), conv([9, 1, 3, 3])], "layer 1"),
        (vec![conv([1, 1, 3, 3]); 5], "layer 4"),
        (
            vec![block([1, 1, 3, 3], 1), linear([196, 10], false)],
            "layer 1",
        ),
        (vec![block([1, 1, 3, 3], 0)], "layer 0"),
        (vec![block([1, 1, 3, 3], 3)], "a pool of 3×3"),
    ] {
        let error = network(layers).expect_err(part).to_string();
        assert!(
            error.contains("cnn model") && error.contains(part),
            "{error}"
        );
    }
}

//! The shaders of all operations, in all shapes that tests use: written to `tmp/shaders.json` in Cargo's folder of what
//! it builds, for `tests/check_portable.py`.

#[path = "../../tests/common/shapes.rs"]
mod shapes;

use std::collections::BTreeMap;
use std::{env, fs};

use super::tests::architectures;
use super::{MAX_BINDINGS, Program, Tensor, Writer, evaluate, measure, predict};
use crate::dataset::{FASHION_MNIST_SPEC, ImageShape, Spec};
use crate::device::AdapterClass;
use crate::model::{Architecture, ModelKind};
use crate::ops::conv_relu_pool::BlockShape;
use crate::ops::linear::LinearShape;
use crate::ops::{channel_norm, conv_relu_pool, dropout, linear};
use crate::train::recipe::Recipe;
use crate::train::{ClassWeights, Settings};

/// A program, written by `write`.
fn program(class: AdapterClass, write: impl FnOnce(&mut Writer)) -> Program {
    let mut writer = Writer::new(class);
    write(&mut writer);
    writer.program
}

fn block(shape: BlockShape, class: AdapterClass) -> Program {
    program(class, |writer| {
        let new = |writer: &mut Writer, dims: &[usize]| writer.buffer(String::new(), dims, None);
        let input = new(writer, &shape.input_dims());
        let weight = new(writer, &shape.weight_dims());
        let bias = new(writer, &[shape.out_channels]);
        let (output, argmax) =
            conv_relu_pool::gpu::forward(writer, &shape, [&input, &weight, &bias]);
        conv_relu_pool::gpu::grad_input(writer, &shape, [&weight, &argmax, &output]);
        conv_relu_pool::gpu::grad_weight_bias(writer, &shape, [&input, &argmax, &output]);
    })
}

fn layer([batch, inputs, outputs]: [usize; 3], class: AdapterClass) -> Program {
    let shape = LinearShape {
        batch,
        inputs,
        outputs,
    };
    program(class, |writer| {
        let [input, weight, bias] = [&[batch, inputs][..], &[inputs, outputs], &[outputs]]
            .map(|dims| writer.buffer(String::new(), dims, None));
        for relu in [false, true] {
            let output = linear::gpu::forward(writer, &shape, [&input, &weight, &bias], relu);
            let relu_output: Option<&Tensor> = relu.then_some(&output);
            linear::gpu::grad_input(writer, &shape, relu_output, [&weight, &output]);
            linear::gpu::grad_weight_bias(writer, &shape, relu_output, [&input, &output]);
        }
        let mask = writer.buffer(String::new(), &[dropout::MASK_WORDS], None);
        dropout::gpu::apply_mask(writer, &[batch, inputs], [&input, &mask]);
    })
}

fn norm(dims: [usize; 4]) -> Program {
    program(AdapterClass::Software, |writer| {
        let input = writer.buffer(String::new(), &dims, None);
        let (output, factors) = channel_norm::gpu::forward(writer, dims, &input);
        channel_norm::gpu::backward(writer, dims, [&output, &factors, &input]);
    })
}

/// All that the models do on such images.
fn models(spec: Spec, batch: usize) -> Vec<Program> {
    let classes = [AdapterClass::Software, AdapterClass::Discrete];
    let mut programs = Vec::new();
    for recipe in [Recipe::Plain, Recipe::Standard, Recipe::Best] {
        for class_weights in [ClassWeights::None, ClassWeights::Balanced] {
            let mut settings = Settings::new(recipe, &ModelKind::ALL, spec);
            let mut staged = recipe.model(ModelKind::Cnn, spec);
            let [.., Architecture { widths, .. }] = architectures(spec);
            staged.architecture.widths = widths;
            settings.models.push(staged);
            for model in &mut settings.models {
                model.training.class_weights = class_weights;
                programs.extend(classes.map(|class| model.program(1000, batch, class)));
                programs.extend([
                    predict(&model.architecture, batch),
                    evaluate(&model.architecture, 1000, batch),
                    measure(&model.architecture, 1000, batch),
                ]);
            }
        }
    }
    programs
}

#[test]
fn shaders_keep_to_the_limits_that_every_device_has() {
    let images = shapes::IMAGES.map(|[channels, height, width, classes]| {
        let shape = ImageShape {
            channels,
            height,
            width,
        };
        models(Spec::new(shape, classes), 16)
    });
    let classes = [
        AdapterClass::Software,
        AdapterClass::Integrated,
        AdapterClass::Discrete,
    ];
    let of_classes = classes.into_iter().flat_map(|class| {
        let blocks = shapes::all().chain(shapes::of_model(128));
        let layers = shapes::LAYERS.map(|layer_shape| layer(layer_shape, class));
        blocks.map(move |shape| block(shape, class)).chain(layers)
    });
    let programs = of_classes
        .chain(shapes::NORMS.map(norm))
        .chain(images.into_iter().flatten())
        .chain(
            [1, 37, 128]
                .into_iter()
                .flat_map(|batch| models(FASHION_MNIST_SPEC, batch)),
        );

    let mut shaders = BTreeMap::new();
    for program in programs {
        for launch in &program.launches {
            assert!(launch.bindings.len() <= MAX_BINDINGS);
        }
        for launch in program.listed() {
            assert!(!launch.wgsl.contains("{{"), "{}", launch.wgsl);
            shaders.insert(launch.wgsl.to_owned(), launch.kernel);
        }
    }
    // Every shader that trains, and many sizes of most.
    assert!(shaders.len() > 300, "{}", shaders.len());
    let listed: Vec<_> = shaders
        .iter()
        .map(|(wgsl, kernel)| serde_json::json!({ "kernel": kernel, "wgsl": wgsl }))
        .collect();
    let test = env::current_exe().unwrap();
    let folder = test.ancestors().nth(3).unwrap().join("tmp");
    fs::create_dir_all(&folder).unwrap();
    let text = serde_json::to_string(&listed).unwrap();
    fs::write(folder.join("shaders.json"), text).unwrap();
}

//! The shaders of all operations, in all shapes that tests use: written to `tmp/shaders.json` in Cargo's folder of what
//! it builds, for `tests/check_portable.py`.

#[path = "../../tests/common/shapes.rs"]
mod shapes;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::{env, fs};

use super::tests::architectures;
use super::{MAX_BINDINGS, Pipeline, Program, Tensor, Writer, evaluate, measure, predict, replay};
use crate::dataset::{FASHION_MNIST_SPEC, ImageShape, Spec};
use crate::device::AdapterClass;
use crate::model::{Architecture, ModelKind};
use crate::ops::conv_relu_pool::BlockShape;
use crate::ops::linear::LinearShape;
use crate::ops::wgsl::{Launch, Queue};
use crate::ops::{adamw, channel_norm, conv_relu_pool, dropout, linear};
use crate::train::recipe::Recipe;
use crate::train::{ClassWeights, Settings};

/// A program, written by `write`.
fn program(class: AdapterClass, write: impl FnOnce(&mut Writer)) -> Program {
    let mut writer = Writer::new(class);
    write(&mut writer);
    writer.program
}

/// All kernels of a block.
pub fn block(shape: BlockShape, class: AdapterClass) -> Program {
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

/// All kernels of a layer, and of dropout before it.
pub fn layer([batch, inputs, outputs]: [usize; 3], class: AdapterClass) -> Program {
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

/// AdamW from a gradient in a buffer each, as it is launched natively.
fn native_adamw(architecture: &Architecture, averaging: bool) -> Program {
    program(AdapterClass::Discrete, |writer| {
        let layout = adamw::Layout::new(architecture.parameter_shapes().into_iter());
        let new = |writer: &mut Writer, dims: &[usize]| writer.buffer(String::new(), dims, None);
        let joined = new(writer, &[layout.len]);
        let hyper = new(writer, &[adamw::STEP_NUMBERS]);
        let gradients: Vec<Tensor> = (layout.segments.iter())
            .map(|segment| new(writer, &segment.shape))
            .collect();
        for (gradient, segment) in gradients.iter().zip(&layout.segments) {
            let len = segment.shape.num_elements();
            let place = writer.view(&joined, segment.start, &[len]);
            writer.launch(adamw::plan::join(len), &[gradient, &place]);
        }
        let steps = layout.steps(averaging, MAX_BINDINGS);
        let averages = averaging.then_some(&joined);
        let tensors = [&joined, &joined, &joined, &hyper];
        adamw::gpu::update(writer, &steps, tensors, averages, &gradients);
    })
}

/// What only benchmarks launch.
#[cfg(feature = "cli")]
fn of_benchmarks() -> Vec<Launch> {
    use crate::bench::ceilings::{GRANULE, gpu};

    vec![gpu::multiply_add(GRANULE), gpu::copy(GRANULE)]
}

#[cfg(not(feature = "cli"))]
fn of_benchmarks() -> Vec<Launch> {
    Vec::new()
}

/// Each file of `shaders` that has an entry point, and the text from there on, as far as it has no sizes.
fn entry_points(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(entry_points(&path));
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        if let Some(at) = text.find("@compute") {
            let end = text[at..].find("{{").unwrap_or(text.len() - at);
            found.push((path.display().to_string(), text[at..][..end].to_owned()));
        }
    }
    found
}

fn norm(dims: [usize; 4]) -> [Program; 2] {
    [AdapterClass::Software, AdapterClass::Discrete].map(|class| {
        program(class, |writer| {
            let input = writer.buffer(String::new(), &dims, None);
            let (output, factors) = channel_norm::gpu::forward(writer, dims, &input);
            channel_norm::gpu::backward(writer, dims, [&output, &factors, &input]);
        })
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

/// Convolutions in every tile of Winograd's transforms are among the shapes of tests, so that each is compared with
/// the definition.
#[test]
fn shapes_take_every_tile() {
    let mut taken = BTreeSet::new();
    for shape in shapes::all() {
        for launch in block(shape, AdapterClass::Integrated).listed() {
            let size = |name: &str| {
                let (_, rest) = launch.wgsl.split_once(&format!("const {name}: u32 = "))?;
                rest.split(';').next()
            };
            let tile = size("A_QUADS").zip(size("B_QUADS"));
            taken.extend(tile.map(|(a, b)| format!("{} {a}×{b} {}", launch.kernel, shape.pool)));
        }
    }
    for kernel in ["conv_relu_pool/forward", "conv_relu_pool/grad_input"] {
        for tile in ["8×8", "8×4", "4×4"] {
            for pool in [1, 2] {
                let wanted = format!("{kernel} {tile} {pool}");
                assert!(taken.contains(&wanted), "{wanted}");
            }
        }
    }
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
    let adamw = architectures(FASHION_MNIST_SPEC)
        .into_iter()
        .flat_map(|architecture| {
            [false, true].map(|averaging| native_adamw(&architecture, averaging))
        });
    let programs = of_classes
        .chain(adamw)
        .chain(shapes::NORMS.into_iter().flat_map(norm))
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
    let Pipeline { name, code } = replay::tally();
    shaders.insert(code, name);
    shaders.extend((of_benchmarks().into_iter()).map(|launch| (launch.text(None), launch.name)));
    // Every shader, and many sizes of most.
    assert!(shaders.len() > 300, "{}", shaders.len());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders");
    for (file, text) in entry_points(&folder) {
        let is_listed = shaders.keys().any(|shader| shader.contains(&text));
        assert!(
            is_listed || (cfg!(not(feature = "cli")) && file.contains("bench")),
            "{file} is in no shader of the tests"
        );
    }
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

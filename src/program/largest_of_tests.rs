//! The largest models that can be built have launches that every WebGPU device takes.

use super::shapes_of_tests::{block, layer};
use super::{ALIGNMENT, MAX_BINDINGS, Parts, Program, evaluate, measure, predict, train};
use crate::dataset::{ImageShape, Spec};
use crate::device::AdapterClass;
use crate::model::{Architecture, Implementation, KERNEL, ModelKind};
use crate::ops::conv_relu_pool::BlockShape;
use crate::ops::wgsl::MAX_GRID;

/// What every device binds at once.
const MAX_BINDING: usize = 128 << 20;

/// Channels, height and width of the images, classes, convolutions, hidden layers.
type Sizes = ([usize; 3], usize, &'static [&'static str], &'static [usize]);

/// Each near the most weights that a model may have, or with as many of something else as there can be.
const MODELS: [Sizes; 15] = [
    // Dense layers: many inputs, many outputs, many classes, many layers.
    ([3, 256, 256], 2, &[], &[85]),
    ([1, 28, 28], 10, &[], &[8192, 1250]),
    ([1, 8, 8], 1000, &[], &[8192, 1700, 700]),
    ([1, 8, 8], 1000, &[], &[1]),
    ([1, 8, 8], 2, &[], &[1; 16]),
    // Convolutions: many channels, on one side and on both, on small images and on large ones.
    ([1, 28, 28], 10, &["128", "256", "512", "1024"], &[128]),
    ([3, 8, 8], 10, &["1340-1340"], &[10]),
    ([3, 8, 8], 10, &["8192-220"], &[10]),
    ([1, 8, 8], 2, &["8192"], &[120]),
    (
        [3, 16, 16],
        10,
        &["15-4000-15-4000-15-4000-15-4000-15-4000-15-4000-15-4000-15-4000"],
        &[1],
    ),
    (
        [3, 16, 16],
        10,
        &["330-330-330-330-330-330-330-330-330-330-330-330-330-330-330-330"],
        &[8],
    ),
    ([3, 256, 256], 10, &["500-1"], &[10]),
    (
        [3, 256, 256],
        2,
        &["1", "1", "1", "1", "1", "1", "1", "1"],
        &[8192],
    ),
    // Many values between the convolutions and the layers.
    ([3, 256, 256], 2, &["1000"], &[1]),
    ([3, 256, 256], 2, &["64-64"], &[15]),
];

fn architecture((shape, classes, widths, hidden): Sizes) -> Architecture {
    let [channels, height, width] = shape;
    let shape = ImageShape {
        channels,
        height,
        width,
    };
    let kind = match widths {
        [] => ModelKind::Dense,
        _ => ModelKind::Cnn,
    };
    let widths = widths.iter().map(|stage| stage.parse().unwrap());
    Architecture {
        widths: widths.collect(),
        hidden: hidden.to_vec(),
        ..Architecture::of(kind, Spec::new(shape, classes))
    }
}

/// Images of the largest batch that the program lets through on a device that binds no more.
fn max_images(architecture: &Architecture) -> usize {
    let bytes = architecture.largest_activation(Implementation::Fused) * size_of::<f32>();
    (MAX_BINDING / bytes).min(architecture.max_counted())
}

/// All kernels of the model by themselves, as they are launched natively.
fn operations(architecture: &Architecture, batch: usize, class: AdapterClass) -> Vec<Program> {
    let convolutions = architecture.convolutions().into_iter();
    let blocks = convolutions.map(|convolution| {
        let [in_channels, out_channels] = convolution.channels;
        let [height, width] = convolution.size;
        let shape = BlockShape {
            batch,
            in_channels,
            out_channels,
            height,
            width,
            kernel: KERNEL,
            pool: convolution.pool,
        };
        block(shape, class)
    });
    let connected = architecture.connected().into_iter();
    let layers = connected.map(|[inputs, outputs]| layer([batch, inputs, outputs], class));
    blocks.chain(layers).collect()
}

fn programs(architecture: &Architecture, batch: usize) -> Vec<Program> {
    let all = Parts {
        dropout: true,
        class_weights: true,
        averaging: true,
    };
    let mut programs = Vec::new();
    for class in [
        AdapterClass::Software,
        AdapterClass::Integrated,
        AdapterClass::Discrete,
    ] {
        let steps = [Parts::default(), all];
        programs.extend(steps.map(|parts| train(architecture, parts, batch, batch, class)));
        programs.extend(operations(architecture, batch, class));
    }
    programs.push(predict(architecture, batch));
    programs.push(evaluate(architecture, batch, batch));
    programs.push(measure(architecture, batch, batch));
    programs
}

#[test]
fn what_can_be_built_can_be_launched() {
    for sizes in MODELS {
        for channel_norm in [false, true] {
            let architecture = Architecture {
                channel_norm,
                ..architecture(sizes)
            };
            architecture.check().unwrap();
            let most = max_images(&architecture);
            assert!(most > 0, "{sizes:?}");
            for batch in [1, most.min(128), most] {
                for program in programs(&architecture, batch) {
                    assert_launches(&program, &format!("{sizes:?}, batch {batch}"));
                }
            }
        }
    }
}

fn assert_launches(program: &Program, what: &str) {
    for launch in &program.launches {
        let name = program.pipelines[launch.pipeline].name;
        let is_within = |&groups: &u32| (1..=MAX_GRID).contains(&groups);
        let grid = launch.grid;
        assert!(grid.iter().all(is_within), "{name}, {what}: {grid:?}");
        assert!(launch.bindings.len() <= MAX_BINDINGS, "{name}, {what}");
        for &[buffer, first, bytes] in &launch.bindings {
            let buffer = &program.buffers[buffer];
            assert!(first.is_multiple_of(ALIGNMENT), "{name}, {what}");
            // Gradients that the optimizer sums by the way: a GPU that binds no more takes its steps one by one.
            let may_be_large = name == "adamw/step_of_sums" && buffer.name == "gradients";
            assert!(
                bytes <= MAX_BINDING || may_be_large,
                "{name}, {what}: {bytes} bytes of {}",
                buffer.name
            );
        }
    }
}

/// What is folded are the kernels that smaller batches have.
#[test]
fn large_images_are_convolved_by_winograd() {
    let shape = |batch| BlockShape {
        batch,
        in_channels: 64,
        out_channels: 64,
        height: 256,
        width: 256,
        kernel: KERNEL,
        pool: 2,
    };
    for class in [AdapterClass::Integrated, AdapterClass::Discrete] {
        let [few, many] = [64, 128].map(|batch| block(shape(batch), class));
        for (few, many) in few.listed().zip(many.listed()) {
            assert_eq!(few.kernel, many.kernel);
            if ["conv_relu_pool/forward", "conv_relu_pool/grad_input"].contains(&many.kernel) {
                assert!(few.wgsl.contains("A_QUADS") && many.wgsl.contains("A_QUADS"));
            }
        }
    }
}

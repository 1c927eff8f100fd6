//! What a device cannot hold is refused before it fails in the middle of a step.

use anyhow::{Result, ensure};

use crate::device::{Backend, Memory, Selected};
use crate::model::{Architecture, Implementation};
use crate::train::inference::EVALUATION_BATCH;
use crate::train::{DeviceSplit, Settings};
use crate::util::text;

/// What the program and a dataset of Fashion-MNIST's size take, in bytes.
const PROGRAM: u64 = 192 << 20;
/// What the report of a run takes, in bytes, besides the test images.
const REPORT: u64 = 64 << 20;
/// How often it has the test images in memory.
const TEST_COPIES: u64 = 4;
/// What a machine has at least whose memory is not known.
const SOME_MEMORY: u64 = 4 << 30;
/// What the benchmark of a machine's ceilings takes besides.
pub const CEILINGS: u64 = 128 << 20;
/// Numbers that training keeps for each weight: itself, its gradient, two moments, its average, and one to
/// spare.
const PER_WEIGHT: usize = 6;

/// Refuses to begin with less memory than the program, a dataset and `more` bytes take: a control
/// group's kernel would end it without a word.
pub fn check_memory(more: u64) -> Result<()> {
    if let Some(memory) = Memory::of_process() {
        let least = PROGRAM + more;
        ensure!(
            memory.bytes >= least,
            "this takes {} of memory, more than {memory} can hold — raise that limit, or use another \
             machine",
            text::bytes(least)
        );
    }
    Ok(())
}

/// Refuses a batch whose tensors the device cannot hold.
pub fn check_batch_size(settings: &Settings, images: usize, selected: &Selected) -> Result<()> {
    for model in &settings.models {
        let architecture = &model.architecture;
        let most = max_images(architecture, settings.implementation, selected);
        let holder = match &selected.memory {
            Some(memory) => memory.to_string(),
            None => selected.name.clone(),
        };
        ensure!(
            most > 0,
            "training the {} model takes more memory than {holder} can hold, whatever --batch-size is \
             — raise that limit, or use another machine",
            architecture.model
        );
        ensure!(
            settings.batch_size.min(images) as u64 <= most,
            "--batch-size {}: the {} model's tensors would be larger than {holder} can hold — use at \
             most {most}",
            settings.batch_size,
            architecture.model
        );
    }
    Ok(())
}

/// How many runs can train on these images side by side: on the CPU as many as have a thread each, and memory. On
/// a GPU one, as all its parts work on each step.
pub fn runs_at_once(
    settings: &Settings,
    training: &DeviceSplit,
    others: [&DeviceSplit; 2],
    selected: &Selected,
) -> usize {
    let threads = match selected.backend {
        Backend::Cpu => rayon::current_num_threads(),
        Backend::Wgpu => return 1,
    };
    let memory = selected.memory.map_or(SOME_MEMORY, |memory| memory.bytes);
    let [validation, test] = others;
    let all = [training, validation, test].map(DeviceSplit::resident_bytes);
    let left = memory.saturating_sub(PROGRAM + all.iter().sum::<u64>());

    // All models are there at once, but only one works.
    let architectures = || settings.models.iter().map(|model| &model.architecture);
    let weights: u64 = architectures().map(weights_bytes).sum();
    // What is evaluated has no gradients.
    let batch = settings.batch_size.min(training.len());
    let images = batch.max(EVALUATION_BATCH / 2) as u64;
    let batches = architectures().map(|of| images * bytes_per_image(of, settings.implementation));
    let models = weights + batches.max().unwrap_or(0);
    let report = REPORT + TEST_COPIES * test.bytes();
    let runs = left / (report + training.parts_bytes() + models);
    runs.clamp(1, threads as u64) as usize
}

/// Bytes that a model's weights take in training.
fn weights_bytes(architecture: &Architecture) -> u64 {
    (PER_WEIGHT * architecture.parameters() * size_of::<f32>()) as u64
}

/// Bytes that an image of a batch takes: there is a gradient for each value.
fn bytes_per_image(architecture: &Architecture, implementation: Implementation) -> u64 {
    (2 * architecture.activations(implementation) * size_of::<f32>()) as u64
}

/// How many images a batch can have at most.
fn max_images(
    architecture: &Architecture,
    implementation: Implementation,
    selected: &Selected,
) -> u64 {
    let mut most = u64::MAX;
    if let Some(memory) = selected.memory {
        let taken = PROGRAM + weights_bytes(architecture);
        most = memory.bytes.saturating_sub(taken) / bytes_per_image(architecture, implementation);
    }
    if let Some(largest) = selected.largest_tensor {
        let values = architecture.largest_activation(implementation);
        most = most.min(largest / (values * size_of::<f32>()) as u64);
    }
    if selected.backend == Backend::Wgpu {
        most = most.min(architecture.max_counted() as u64);
    }
    most
}

/// Refuses batches that no GPU's kernels can count; `others` are how many images the model takes when it does
/// not train.
pub fn check_counted(settings: &Settings, others: usize) -> Result<()> {
    for model in &settings.models {
        let most = model.architecture.max_counted();
        let kind = model.architecture.model;
        ensure!(
            others <= most,
            "the {kind} model has more values than a GPU's kernels can count — make it or its images smaller"
        );
        ensure!(
            settings.batch_size <= most,
            "--batch-size {}: the {kind} model has more values than a GPU's kernels can count — use at most {most}",
            settings.batch_size
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{FASHION_MNIST_SPEC, ImageShape, Spec, Split};
    use crate::device::{self, BackendChoice};
    use crate::model::ModelKind;
    use crate::train::recipe::Recipe;

    /// However much memory it can address, a kernel counts values in 32 bits.
    #[test]
    fn batches_that_a_kernel_cannot_count_are_refused() {
        let mut settings = Settings {
            batch_size: 40_281,
            ..Settings::new(Recipe::Plain, &[ModelKind::Cnn], FASHION_MNIST_SPEC)
        };
        settings.models[0].architecture.widths = vec![65.into(), 8.into()];
        let mut selected = device::select(BackendChoice::Cpu, None).unwrap();
        selected.memory = None;
        settings.batch_size += 1;
        check_batch_size(&settings, 60_000, &selected).unwrap();
        settings.batch_size -= 1;
        selected.backend = Backend::Wgpu;
        check_batch_size(&settings, 60_000, &selected).unwrap();
        settings.batch_size += 1; // times 68 channels of 28×28 pixels: more than 2³¹ − 1
        let error = check_batch_size(&settings, 60_000, &selected).unwrap_err();
        let message = error.to_string();
        assert!(message.contains("use at most 40281"), "{message}");
    }

    #[test]
    fn models_that_a_page_cannot_count_are_refused() {
        let shape = ImageShape {
            channels: 3,
            height: 256,
            width: 256,
        };
        let mut settings = Settings::new(Recipe::Plain, &[ModelKind::Cnn], Spec::new(shape, 10));
        check_counted(&settings, 125).unwrap();
        settings.models[0].architecture.widths = vec![264.into(), 8.into()];
        let message = check_counted(&settings, 125).unwrap_err().to_string();
        assert!(
            message.contains("make it or its images smaller"),
            "{message}"
        );
    }

    #[test]
    fn runs_share_the_memory() {
        let mut selected = device::select(BackendChoice::Cpu, None).unwrap();
        let images = |len: usize| {
            let spec = FASHION_MNIST_SPEC;
            let split = Split {
                spec,
                images: vec![0; len * spec.shape.values()].into(),
                labels: vec![0; len],
            };
            DeviceSplit::upload(split, &selected.device)
        };
        let (training, test) = (images(1000), images(100));
        let settings = Settings::new(
            Recipe::Standard,
            &[ModelKind::Dense, ModelKind::Cnn],
            FASHION_MNIST_SPEC,
        );
        let pool = rayon::ThreadPoolBuilder::new().num_threads(16).build();
        let pool = pool.unwrap();
        let mut at_once = |mib: Option<u64>, backend: Backend| {
            selected.backend = backend;
            selected.memory = mib.map(|mib| Memory {
                bytes: mib << 20,
                of: "a machine with its",
            });
            pool.install(|| runs_at_once(&settings, &training, [&test, &test], &selected))
        };
        assert_eq!(
            at_once(None, Backend::Cpu),
            at_once(Some(4 << 10), Backend::Cpu)
        );
        assert_eq!(at_once(Some(1 << 20), Backend::Cpu), 16);
        assert_eq!(at_once(Some(100), Backend::Cpu), 1);
        let some = at_once(Some(700), Backend::Cpu);
        assert!((3..8).contains(&some), "{some}");
        assert_eq!(at_once(Some(1 << 20), Backend::Wgpu), 1);
    }

    /// The standard CNN's step on 4,000 images peaks at 420 MB, of which 100 to 200 are the program's and the dataset's.
    #[test]
    fn what_a_step_takes_is_known() {
        let mut selected = device::select(BackendChoice::Cpu, None).unwrap();
        let mut most = |architecture: &Architecture, mib: u64| {
            selected.memory = Some(Memory {
                bytes: mib << 20,
                of: "a machine with its",
            });
            max_images(architecture, Implementation::Fused, &selected)
        };
        let cnn = Architecture {
            channel_norm: true,
            ..Architecture::of(ModelKind::Cnn, FASHION_MNIST_SPEC)
        };
        assert_eq!(most(&cnn, 100), 0);
        let (some, many) = (most(&cnn, 420), most(&cnn, 4_200));
        assert!((2_000..4_000).contains(&some), "{some}");
        assert!((40_000..60_000).contains(&many), "{many}");
    }
}

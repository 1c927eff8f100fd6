//! What a device cannot hold is refused before it fails in the middle of a step.

use anyhow::{Result, ensure};

use crate::dataset::Split;
use crate::device::{Backend, Selected};
use crate::train::Settings;
use crate::wgsl::MAX_GRID;

/// Refuses a batch whose tensors the device cannot hold.
pub fn check_batch_size(settings: &Settings, images: usize, selected: &Selected) -> Result<()> {
    let Some(largest_tensor) = selected.largest_tensor else {
        return Ok(());
    };
    for model in &settings.models {
        let values = model.architecture.largest_activation(settings.kernels);
        let bytes = (values * size_of::<f32>()) as u64;
        let mut most = largest_tensor / bytes;
        if selected.backend == Backend::Wgpu {
            let indexable = i32::MAX as u64 / model.architecture.largest_count() as u64;
            // A dispatch has at most so many workgroups in each direction, one of which counts images.
            most = most.min(indexable).min(MAX_GRID.into());
        }
        ensure!(
            settings.batch_size.min(images) as u64 <= most,
            "--batch-size {}: the {} model's tensors would be larger than {} can hold — use at most \
             {most}",
            settings.batch_size,
            model.architecture.model,
            selected.name
        );
    }
    Ok(())
}

/// Refuses images that are more than the device can hold, before they are moved there. `what`
/// they are for stands in the message.
pub fn check_size(what: &str, split: &Split, selected: &Selected) -> Result<()> {
    let bytes = split.images.len() as u64;
    let most = selected.largest_tensor.unwrap_or(u64::MAX);
    ensure!(
        bytes <= most,
        "the {} images to {what} are {bytes} bytes, but {} can hold {most} at once — use \
         --backend cpu",
        split.len(),
        selected.name
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::synthetic;
    use crate::device::{self, BackendChoice};
    use crate::model::{Kernels, ModelKind};
    use crate::train::recipe::Recipe;

    /// However much memory it can address, a kernel counts values in 32 bits.
    #[test]
    fn batches_that_a_kernel_cannot_count_are_refused() {
        let mut settings = Settings {
            recipe: Recipe::Plain,
            epochs: 1,
            batch_size: 40_281,
            seed: 0,
            samples: None,
            validation: 0,
            kernels: Kernels::Fused,
            models: vec![Recipe::Plain.model(ModelKind::Cnn)],
        };
        settings.models[0].architecture.widths = vec![65, 8];
        let mut selected = device::select(BackendChoice::Cpu, None).unwrap();
        selected.largest_tensor = Some(u64::MAX);
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
    fn images_that_the_device_cannot_address_are_refused() {
        let split = synthetic::split(0, synthetic::Part::Test, 3);
        let mut selected = device::select(BackendChoice::Cpu, None).unwrap();
        check_size("test with", &split, &selected).unwrap();
        selected.largest_tensor = Some(3 * 784);
        check_size("test with", &split, &selected).unwrap();
        selected.largest_tensor = Some(3 * 784 - 1);
        let error = check_size("test with", &split, &selected).unwrap_err();
        let message = format!("{error:#}");
        for part in [
            "3 images to test with",
            "2352 bytes",
            "2351",
            "--backend cpu",
        ] {
            assert!(message.contains(part), "{message}");
        }
    }
}

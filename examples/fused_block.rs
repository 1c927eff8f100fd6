//! A model of one's own, trained with Burn's own parts, with this crate's block and layer in it.
//!
//! `cargo run --release --example fused_block`

use burn::Tensor;
use burn::module::Module;
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::Device;
use burn::tensor::activation::log_softmax;
use fmnist::Result;
use fmnist::dataset::synthetic::{self, Part};
use fmnist::device::{self, BackendChoice};
use fmnist::model::{ConvReluPool, ConvReluPoolConfig, LinearRelu, LinearReluConfig};
use fmnist::train::DeviceSplit;

/// Blocks of convolution, bias, ReLU and pool, each one operation; then the logits.
#[derive(Module, Debug)]
struct Net {
    blocks: Vec<ConvReluPool>,
    logits: LinearRelu,
}

impl Net {
    fn new(device: &Device) -> Self {
        let block = |channels| ConvReluPoolConfig::new(channels).init(device);
        Self {
            blocks: vec![block([1, 8]), block([8, 16])],
            logits: LinearReluConfig::new(16 * 7 * 7, 10)
                .with_relu(false)
                .init(device),
        }
    }

    /// `[batch, 1, 28, 28]` → `[batch, 10]`.
    fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let features = self.blocks.iter().fold(images, |x, block| block.forward(x));
        self.logits.forward(features.flatten(1, 3))
    }
}

/// Mean cross-entropy, in Burn's own operations.
fn loss(logits: Tensor<2>, targets: Tensor<2>) -> Tensor<1> {
    -(targets * log_softmax(logits, 1)).sum_dim(1).mean()
}

fn main() -> Result<()> {
    // The best GPU if there is one, else the CPU.
    let device = device::select(BackendChoice::Auto, None)?.device;
    let images = DeviceSplit::upload(synthetic::split(0, Part::Train, 2_000), &device);

    let device = device.autodiff();
    device.seed(0);
    let mut net = Net::new(&device);
    let mut optimizer = AdamConfig::new().init();
    let mut losses: Vec<f32> = Vec::new();
    for batch in images.epoch(50, 0, 1) {
        let logits = net.forward(batch.images.autodiff());
        let loss = loss(logits, batch.targets.autodiff());
        losses.push(loss.clone().into_scalar());
        let gradients = GradientsParams::from_grads(loss.backward(), &net);
        net = optimizer.step(3e-3, net, gradients);
        if losses.len().is_multiple_of(8) {
            let (step, last) = (losses.len(), losses[losses.len() - 1]);
            println!("step {step:2}: loss {last:.3}");
        }
    }
    let last = losses[losses.len() - 5..].iter().sum::<f32>() / 5.0;
    let first = losses[0];
    assert!(
        last < 0.7 * first,
        "the loss fell from {first} to {last} only"
    );
    Ok(())
}

//! The least that a training step has to compute and to move.

use crate::model::Architecture;

/// Values that a step reads or writes for a weight: the weight in the forward pass, its gradient as
/// it is made, and in AdamW weight, gradient and two moments before and all but the gradient after.
const TRAFFIC_PER_WEIGHT: usize = 1 + 1 + 4 + 3;

/// What a training step takes, whoever computes it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Work {
    /// Floating-point operations of the dense arithmetic: two for each multiply-add of the layers,
    /// forward once and backward twice (gradients of the input and of the weights), less the
    /// gradient of the images, which nobody needs. Bias, ReLU, pool, loss and AdamW do not count.
    pub flop: f64,
    /// Bytes to and from memory in f32, if every layer keeps what it has in hand and nothing else is
    /// kept from one layer to the next. A layer reads its input and writes its output; backward it
    /// reads its input and the gradient of its output, and writes the gradient of its input, but the
    /// first; weights as in [AdamW](crate::ops::adamw), those of all layers but the first once more for
    /// the gradient of the input.
    pub bytes: f64,
}

impl Work {
    /// A step of a model on a batch.
    pub fn of_step(architecture: &Architecture, batch_size: usize) -> Self {
        let mut flop = 0;
        let mut values = 0;
        for (i, layer) in architecture.layers().iter().enumerate() {
            let grad_input = usize::from(i > 0);
            flop += 2 * layer.multiply_adds * batch_size * (2 + grad_input);
            let activations = (2 + grad_input) * layer.inputs + 2 * layer.outputs;
            values += activations * batch_size;
            values += layer.weights * (TRAFFIC_PER_WEIGHT + grad_input);
        }
        Self {
            flop: flop as f64,
            bytes: (values * size_of::<f32>()) as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::FASHION_MNIST_SPEC;
    use crate::model::ModelKind;
    use burn::module::Module;

    fn of(model: ModelKind) -> Architecture {
        Architecture::of(model, FASHION_MNIST_SPEC)
    }

    #[test]
    fn dense_step_by_hand() {
        let work = Work::of_step(&of(ModelKind::Dense), 10);
        // 784 × 128 twice, 128 × 10 three times.
        assert_eq!(work.flop, 10.0 * 2.0 * (2.0 * 100_352.0 + 3.0 * 1_280.0));
        let first = 10 * (2 * 784 + 2 * 128) + 9 * (784 * 128 + 128);
        let second = 10 * (3 * 128 + 2 * 10) + 10 * (128 * 10 + 10);
        assert_eq!(work.bytes, 4.0 * f64::from(first + second));
    }

    #[test]
    fn cnn_arithmetic_by_hand() {
        // Millions of multiply-adds: 0.2258 and 3.6127 in the blocks, 0.4014 and 0.0013 after them.
        let work = Work::of_step(&of(ModelKind::Cnn), 128);
        let millions = 2.0 * (2.0 * 0.2258 + 3.0 * (3.6127 + 0.4014 + 0.0013));
        assert!((work.flop / 128e6 - millions).abs() < 1e-3, "{}", work.flop);
    }

    #[test]
    fn layers_are_those_of_the_models() {
        let device = crate::device::select(crate::device::BackendChoice::Cpu, None)
            .expect("the CPU is always there")
            .device;
        let deep = Architecture {
            widths: vec!["8-12".parse().unwrap(), 16.into(), 24.into()],
            hidden: vec![32, 16],
            ..of(ModelKind::Cnn)
        };
        for architecture in [of(ModelKind::Dense), of(ModelKind::Cnn), deep] {
            let model =
                crate::model::Classifier::new(&architecture, Default::default(), 0, &device);
            assert_eq!(
                architecture.parameters(),
                model.num_params(),
                "{architecture:?}"
            );
        }
    }
}

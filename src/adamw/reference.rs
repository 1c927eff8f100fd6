//! AdamW and the averaging made of Burn's own operations.

use burn::Tensor;
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::{AdamWConfig, GradientsParams, ModuleOptimizer};

use super::{AdamStep, BETA_1, BETA_2, EPSILON};

/// Burn's optimizer, and the averages of the weights, flattened, in the model's order.
pub struct Store {
    optimizer: ModuleOptimizer,
    averages: Option<Vec<Tensor<1>>>,
}

impl Store {
    /// No moments yet; with `averaging` the averages start from the model's weights.
    pub fn new(model: &impl Module, weight_decay: f64, averaging: bool) -> Self {
        let config = AdamWConfig::new()
            .with_beta_1(BETA_1 as f32)
            .with_beta_2(BETA_2 as f32)
            .with_epsilon(EPSILON as f32)
            .with_weight_decay(weight_decay as f32);
        Self {
            optimizer: config.init(),
            averages: averaging.then(|| flattened(model)),
        }
    }

    /// The model after `step`.
    pub fn step<M: Module>(
        &mut self,
        learning_rate: f64,
        step: &AdamStep,
        model: M,
        gradients: GradientsParams,
    ) -> M {
        let model = self.optimizer.step(learning_rate, model, gradients);
        if let Some(averages) = &mut self.averages {
            for (average, weights) in averages.iter_mut().zip(flattened(&model)) {
                let difference = weights - average.clone();
                *average = average.clone() + difference * step.averaging;
            }
        }
        model
    }

    /// The model with the averaged weights.
    pub fn averaged<M: Module>(&self, model: M) -> M {
        struct Put(std::vec::IntoIter<Tensor<1>>);

        impl ModuleMapper for Put {
            fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
                let (id, tensor, mapper) = param.consume();
                let average = self.0.next().expect("an average for each parameter");
                Param::from_mapped_value(id, average.reshape(tensor.dims()), mapper)
            }
        }

        match &self.averages {
            Some(averages) => model.map(&mut Put(averages.clone().into_iter())),
            None => model,
        }
    }
}

/// The weights of each parameter as a vector, without autodiff.
fn flattened(model: &impl Module) -> Vec<Tensor<1>> {
    struct Collect(Vec<Tensor<1>>);

    impl ModuleVisitor for Collect {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.0.push(param.val().inner().reshape([-1]));
        }
    }

    let mut collect = Collect(Vec::new());
    model.visit(&mut collect);
    collect.0
}

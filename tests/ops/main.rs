//! The layers, the optimizer and what feeds them: each against its definition.

#[macro_use]
#[path = "../common/mod.rs"]
mod common;

/// A test for each backend, and for wgpu with the kernels for a GPU of many processors, whatever the adapter.
macro_rules! on_each_class {
    ($($test:ident),* $(,)?) => {
        on_each_device!($($test),*);
        mod on_discrete { $(#[test] fn $test() { super::$test(&super::discrete()); })* }
    };
}

mod adamw;
mod channel_norm;
mod conv_relu_pool;
mod conv_relu_pool_cpu;
mod cross_entropy;
mod dropout;
mod gather;
mod instruction_sets;
mod layers;
mod linear_cpu;
mod linear_cross_entropy;

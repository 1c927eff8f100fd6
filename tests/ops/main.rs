//! The layers, the optimizer and what feeds them: each against its definition.

#[macro_use]
#[path = "../common/mod.rs"]
mod common;

/// A test for the CPU, and for wgpu with the kernels of each class, whatever the adapter.
macro_rules! on_each_class {
    ($($test:ident),* $(,)?) => {
        mod on_cpu { $(#[test] fn $test() { super::$test(&super::cpu()); })* }
        on_each_class!(@ on_software Software $($test)*);
        on_each_class!(@ on_integrated Integrated $($test)*);
        on_each_class!(@ on_discrete Discrete $($test)*);
    };
    (@ $module:ident $class:ident $($test:ident)*) => {
        mod $module {
            use crate::common::of_class;
            use fmnist::device::AdapterClass;

            $(#[test] fn $test() { super::$test(&of_class(AdapterClass::$class)); })*
        }
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

//! The layers, the optimizer and what feeds them: each against its definition.

#[macro_use]
#[path = "../common/mod.rs"]
mod common;

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

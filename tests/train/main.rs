//! Training: whole networks, recipes, checkpoints.

#[macro_use]
#[path = "../common/mod.rs"]
mod common;

mod checkpoint;
mod class_weights;
mod fused_training;
mod learns;
mod page;
mod parity;
mod recipes;
mod resume;
mod step_queue;

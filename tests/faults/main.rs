//! What becomes of runs when things go wrong around them.

#[path = "../common/mod.rs"]
mod common;

mod device;
mod file_systems;
mod kill;
mod report;
mod resource_limits;
mod run;
mod several_runs;

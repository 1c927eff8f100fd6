//! A step from gradients that are still to be summed, all in one buffer: a launch for all parameters of any model.

use std::fmt::Write;
use std::sync::Arc;

use super::plan::{Layout, declare_averages, fixed_bindings};
use crate::ops::partial_sums::PartialSums;
use crate::ops::wgsl::{Launch, MAX_GRID, Queue, grid, template};

const INVOCATIONS: usize = 256;

/// Changes parameters, moments and averages in place, as [`update`](super::gpu::update) does with gradients that are
/// sums. `sums` are those of each parameter in `gradients`, by their first element there.
pub fn update<Q: Queue>(
    queue: &mut Q,
    layout: &Layout,
    [parameters, moments_1, moments_2, hyper]: [&Q::Tensor; 4],
    averages: Option<&Q::Tensor>,
    gradients: &Q::Tensor,
    sums: &[PartialSums<usize>],
) {
    let (plan, code) = plan(layout, averages.is_some(), sums);
    let mut tensors = vec![parameters, moments_1, moments_2, hyper];
    tensors.extend(averages);
    tensors.push(gradients);
    queue.launch_generated(plan, &code, &tensors);
}

fn plan(layout: &Layout, averaging: bool, sums: &[PartialSums<usize>]) -> (Launch, Arc<str>) {
    let mut cases = String::new();
    let mut workgroups = 0;
    let last = layout.segments.len() - 1;
    for (number, (segment, sums)) in layout.segments.iter().zip(sums).enumerate() {
        let length = segment.shape.num_elements();
        let part = [
            workgroups,
            segment.start,
            sums.rows + sums.first,
            length,
            sums.count,
            sums.pitch,
            sums.stride,
        ];
        let part = part.map(|number| format!("{number}u")).join(", ");
        workgroups += length.div_ceil(INVOCATIONS / sums.stride);
        // Writing to a string does not fail.
        let _ = match number == last {
            false => writeln!(
                cases,
                "    if (workgroup < {workgroups}u) {{ return Part({part}); }}"
            ),
            // Workgroups past the last one find no element.
            true => writeln!(cases, "    return Part({part});"),
        };
    }
    let (averages, average) = declare_averages(averaging);
    let gradients = fixed_bindings() + usize::from(averaging);
    let code = format!(
        "{averages}@group(0) @binding({gradients}) var<storage, read_write> gradients: array<f32>;\n\n\
         fn part_of(workgroup: u32) -> Part {{\n{cases}}}\n\n{average}"
    );
    let across = workgroups.min(MAX_GRID as usize);
    let launch = Launch {
        name: "adamw/step_of_sums",
        template: template!("lanes/scalars", "adamw/update", "adamw/step_of_sums"),
        values: vec![("invocations", INVOCATIONS)],
        grid: grid([across, workgroups.div_ceil(across), 1]),
    };
    (launch, code.into())
}

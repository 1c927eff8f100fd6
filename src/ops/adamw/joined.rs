//! A step from gradients that lie in one buffer: a launch for all parameters of any model.

use std::fmt::Write;
use std::sync::Arc;

use super::plan::{Layout, declare_averages, elementwise, fixed_bindings};
use crate::ops::partial_sums::PartialSums;
use crate::ops::wgsl::{Launch, Queue, folded, template};

const INVOCATIONS: usize = 256;

/// Where gradients lie in their buffer.
pub enum Gradients<'a> {
    /// Gradients in the order of the parameters.
    LaidOut,
    /// As partial sums, of each parameter those that begin at this element of the buffer.
    Sums(&'a [PartialSums<usize>]),
}

/// Changes parameters, moments and averages in place, as [`update`](super::gpu::update) does with gradients in a
/// buffer each.
pub fn update<Q: Queue>(
    queue: &mut Q,
    layout: &Layout,
    [parameters, moments_1, moments_2, hyper]: [&Q::Tensor; 4],
    averages: Option<&Q::Tensor>,
    buffer: &Q::Tensor,
    gradients: &Gradients,
) {
    let (plan, code) = match gradients {
        Gradients::LaidOut => laid_out(layout, averages.is_some()),
        Gradients::Sums(sums) => of_sums(layout, averages.is_some(), sums),
    };
    let mut tensors = vec![parameters, moments_1, moments_2, hyper];
    tensors.extend(averages);
    tensors.push(buffer);
    queue.launch_generated(plan, &code, &tensors);
}

/// The declarations of averages and gradients, and the function that changes an average.
fn declare(averaging: bool, element: &str) -> String {
    let (averages, average) = declare_averages(averaging);
    let binding = fixed_bindings() + usize::from(averaging);
    format!(
        "{averages}@group(0) @binding({binding}) var<storage, read_write> gradients: array<{element}>;\n\n\
         {average}\n"
    )
}

fn laid_out(layout: &Layout, averaging: bool) -> (Launch, Arc<str>) {
    let gradient = "fn gradient(i: u32) -> vec4<f32> { return gradients[i]; }\n";
    let code = declare(averaging, "vec4<f32>") + gradient;
    let template = template!("lanes/vectors", "adamw/update", "adamw/step");
    let launch = elementwise("adamw/step", template, layout.len / 4);
    (launch, code.into())
}

fn of_sums(layout: &Layout, averaging: bool, sums: &[PartialSums<usize>]) -> (Launch, Arc<str>) {
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
    let declarations = declare(averaging, "f32");
    let code = format!("{declarations}fn part_of(workgroup: u32) -> Part {{\n{cases}}}\n");
    let launch = Launch {
        name: "adamw/step_of_sums",
        template: template!("lanes/scalars", "adamw/update", "adamw/step_of_sums"),
        values: vec![("invocations", INVOCATIONS)],
        grid: folded([workgroups, 1, 1]),
    };
    (launch, code.into())
}

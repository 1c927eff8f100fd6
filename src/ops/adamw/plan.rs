//! How the parameters of a model lie in one buffer, and what to launch for a step on them.
//!
//! The kernels' files, in `shaders/adamw/`, say what they compute and in which order they bind their
//! buffers.

use std::fmt::Write;
use std::ops::Range;
use std::sync::Arc;

use burn::tensor::Shape;

use crate::ops::wgsl::{Launch, MAX_GRID, grid, is_indexable, template};

const INVOCATIONS: usize = 256;
/// Parameters start at multiples of so many elements: WebGPU binds buffers from multiples of 256
/// bytes on.
const ALIGNMENT: usize = 64;
const UPDATE: &str = template!("adamw/update");

/// Where the parameters of a model lie in a buffer.
pub struct Layout {
    /// One for each parameter, in the model's order.
    pub segments: Vec<Segment>,
    /// Elements of the buffer, gaps included.
    pub len: usize,
}

/// Where a parameter lies.
pub struct Segment {
    /// Its first element.
    pub start: usize,
    /// Its shape.
    pub shape: Shape,
}

/// A launch for some of the parameters: as many as there are bindings for their gradients.
pub struct Step {
    /// Which parameters.
    pub segments: Range<usize>,
    /// The first of their elements in the buffer.
    pub start: usize,
    /// Their elements, gaps included; a multiple of four.
    pub len: usize,
    /// What to launch.
    pub launch: Launch,
    /// The part of the shader that depends on the number of parameters.
    pub code: Arc<str>,
}

/// A copy of so many elements.
pub fn join(len: usize) -> Launch {
    elementwise("adamw/join", template!("adamw/join"), len)
}

/// Buffers that the shader's file binds: those that depend on the model follow.
pub fn fixed_bindings() -> usize {
    UPDATE.matches("@binding(").count()
}

/// How a kernel comes by the averages: their declaration, and the function that changes one.
pub fn declare_averages(averaging: bool) -> (String, String) {
    let change = match averaging {
        true => "averages[i] += hyper.averaging * (parameter - averages[i]);",
        false => "",
    };
    let declaration = match averaging {
        true => format!(
            "@group(0) @binding({}) var<storage, read_write> averages: array<Element>;\n",
            fixed_bindings()
        ),
        false => String::new(),
    };
    let function = format!("fn average(i: u32, parameter: Element) {{ {change} }}\n");
    (declaration, function)
}

/// One invocation for each of `length` elements, as far as the grid reaches.
pub fn elementwise(name: &'static str, template: &'static str, length: usize) -> Launch {
    let groups = length.div_ceil(INVOCATIONS);
    Launch {
        name,
        template,
        values: vec![("length", length), ("invocations", INVOCATIONS)],
        grid: grid([groups.min(MAX_GRID as usize), 1, 1]),
    }
}

impl Layout {
    /// Parameter after parameter.
    ///
    /// # Panics
    ///
    /// If they have more elements than a shader's indices reach.
    pub fn new(shapes: impl Iterator<Item = Shape>) -> Self {
        let mut len = 0;
        let segments = shapes
            .map(|shape| {
                let start = len;
                len = (start + shape.num_elements()).next_multiple_of(ALIGNMENT);
                Segment { start, shape }
            })
            .collect();
        assert!(is_indexable(&[len]), "adamw: {len} parameters are too many");
        Self { segments, len }
    }

    /// The launches of a step; one, unless the device binds too few buffers.
    pub fn steps(&self, averaging: bool, max_bindings: usize) -> Vec<Step> {
        let others = fixed_bindings() + usize::from(averaging);
        let at_once = max_bindings.saturating_sub(others).max(1);
        let count = self.segments.len();
        (0..count)
            .step_by(at_once)
            .map(|first| self.step(first..count.min(first + at_once), averaging))
            .collect()
    }

    fn step(&self, segments: Range<usize>, averaging: bool) -> Step {
        let start = self.segments[segments.start].start;
        let end = match self.segments.get(segments.end) {
            Some(next) => next.start,
            None => self.len,
        };
        let len = end - start;
        Step {
            start,
            len,
            launch: elementwise(
                "adamw/step",
                template!("lanes/vectors", "adamw/update", "adamw/step"),
                len / 4,
            ),
            code: self.code(segments.clone(), averaging).into(),
            segments,
        }
    }

    /// Declares the averages and the gradients of these parameters, and how the kernel comes by
    /// them. All offsets and lengths in it are counted in vectors of four.
    fn code(&self, segments: Range<usize>, averaging: bool) -> String {
        let mut declarations = String::new();
        let mut cases = String::new();
        let mut binding = fixed_bindings() + usize::from(averaging);
        let mut declare = |name: &str, element: &str| {
            let group = format!("@group(0) @binding({binding})");
            let line = format!("{group} var<storage, read_write> {name}: array<{element}>;\n");
            declarations += &line;
            binding += 1;
        };
        let (averages, average) = declare_averages(averaging);
        let first = self.segments[segments.start].start;
        for (number, segment) in self.segments[segments].iter().enumerate() {
            let name = format!("gradients_{number}");
            let start = (segment.start - first) / 4;
            let len = segment.shape.num_elements();
            let end = start + len.next_multiple_of(ALIGNMENT) / 4;
            let element = if len.is_multiple_of(4) {
                declare(&name, "vec4<f32>");
                let len = len / 4;
                format!("if (at < {len}u) {{ return {name}[at]; }} return vec4<f32>();")
            } else {
                declare(&name, "f32");
                let lanes = (0..4).map(|lane| {
                    let index = format!("4u * at + {lane}u");
                    format!("select(0.0, {name}[min({index}, {len}u - 1u)], {index} < {len}u)")
                });
                let lanes: Vec<String> = lanes.collect();
                format!("return vec4<f32>({});", lanes.join(", "))
            };
            // Writing to a string does not fail.
            let _ = writeln!(
                cases,
                "    if (i < {end}u) {{ let at = i - {start}u; {element} }}"
            );
        }
        format!(
            "{averages}{declarations}\n\
             fn gradient(i: u32) -> vec4<f32> {{\n{cases}    return vec4<f32>();\n}}\n\n{average}"
        )
    }
}

//! Fewer buffers for the same launches.

use std::collections::{BTreeMap, BTreeSet};

use super::Program;

impl Program {
    /// The same launches on fewer buffers: where one is needed no more, the next one that is gets its memory.
    /// Inputs, outputs and weights keep theirs.
    pub fn compact(self) -> Self {
        let kept: BTreeSet<usize> = (self.inputs.values().chain(self.outputs.values()).copied())
            .chain((0..self.buffers.len()).filter(|&number| self.buffers[number].weights.is_some()))
            .collect();
        let mut last_use = vec![0; self.buffers.len()];
        for (time, launch) in self.launches.iter().enumerate() {
            for [buffer, ..] in &launch.bindings {
                last_use[*buffer] = time;
            }
        }

        let mut buffers = Vec::new();
        // Of each old buffer, the new one that it is.
        let mut becomes = vec![None; self.buffers.len()];
        for &number in &kept {
            becomes[number] = Some(buffers.len());
            buffers.push(self.buffers[number].clone());
        }
        let mut free: Vec<usize> = Vec::new();
        let mut launches = self.launches;
        for (time, launch) in launches.iter_mut().enumerate() {
            let mut ends = Vec::new();
            for [number, ..] in &mut launch.bindings {
                let old = *number;
                let new = *becomes[old].get_or_insert_with(|| {
                    let buffer = &self.buffers[old];
                    // The smallest that is large enough; else the largest, which grows.
                    let fits = |&new: &usize| {
                        let missing = buffer.bytes.saturating_sub(buffers[new].bytes);
                        (missing, buffers[new].bytes)
                    };
                    let best = (0..free.len()).min_by_key(|&place| fits(&free[place]));
                    match best.map(|place| free.swap_remove(place)) {
                        Some(new) => {
                            buffers[new].bytes = buffers[new].bytes.max(buffer.bytes);
                            new
                        }
                        None => {
                            buffers.push(buffer.clone());
                            buffers.len() - 1
                        }
                    }
                });
                *number = new;
                if last_use[old] == time && !kept.contains(&old) && !ends.contains(&new) {
                    ends.push(new);
                }
            }
            free.extend(ends);
        }
        let moved = |numbers: BTreeMap<String, usize>| {
            let moved = numbers
                .into_iter()
                .filter_map(|(name, old)| Some((name, becomes[old]?)));
            moved.collect()
        };
        Self {
            buffers,
            pipelines: self.pipelines,
            launches,
            inputs: moved(self.inputs),
            outputs: moved(self.outputs),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::FASHION_MNIST_SPEC;
    use crate::device::AdapterClass;
    use crate::model::ModelKind;
    use crate::program::{PAGE_CLASS, evaluate, measure};
    use crate::train::recipe::Recipe;

    fn programs() -> Vec<Program> {
        let mut programs = Vec::new();
        for kind in ModelKind::ALL {
            for recipe in [Recipe::Plain, Recipe::Best] {
                let model = recipe.model(kind, FASHION_MNIST_SPEC);
                programs.push(model.program(600, 128, PAGE_CLASS));
                programs.push(model.program(600, 128, AdapterClass::Discrete));
                programs.push(evaluate(&model.architecture, 600, 125));
                programs.push(measure(&model.architecture, 600, 125));
            }
        }
        programs
    }

    /// Whatever a launch finds in a buffer is what it would have found there.
    #[test]
    fn nothing_is_overwritten_that_is_needed() {
        for program in programs() {
            let compact = program.clone().compact();
            assert_eq!(compact.pipelines, program.pipelines);
            let mut holds: BTreeMap<usize, usize> = BTreeMap::new();
            for (names, new_names) in [
                (&program.inputs, &compact.inputs),
                (&program.outputs, &compact.outputs),
            ] {
                assert!(names.keys().eq(new_names.keys()));
                for (name, &old) in names {
                    holds.insert(new_names[name], old);
                    assert_eq!(compact.buffers[new_names[name]], program.buffers[old]);
                }
            }
            let mut known: BTreeSet<usize> = holds.values().copied().collect();
            for (launch, new) in program.launches.iter().zip(&compact.launches) {
                assert_eq!((launch.pipeline, launch.grid), (new.pipeline, new.grid));
                assert_eq!(launch.bindings.len(), new.bindings.len());
                for (&[old, ..], &[new, ..]) in launch.bindings.iter().zip(&new.bindings) {
                    if known.insert(old) {
                        holds.insert(new, old);
                    }
                }
                // After all of them: none took the place of another one of this launch.
                for (old, new) in launch.bindings.iter().zip(&new.bindings) {
                    assert_eq!(holds[&new[0]], old[0]);
                    assert_eq!(old[1..], new[1..]);
                    assert!(new[1] + new[2] <= compact.buffers[new[0]].bytes);
                }
            }
            // At the end inputs and outputs are still there.
            for (name, &old) in program.inputs.iter().chain(&program.outputs) {
                let new = compact.inputs.get(name).or(compact.outputs.get(name));
                assert_eq!(holds[new.unwrap()], old, "{name}");
            }
        }
    }

    #[test]
    fn memory_is_saved() {
        for program in programs() {
            // Of buffers that are neither inputs nor outputs.
            let bytes = |program: &Program| {
                let named: BTreeSet<usize> = (program
                    .inputs
                    .values()
                    .chain(program.outputs.values())
                    .copied())
                .collect();
                let buffers = program.buffers.iter().enumerate();
                let others = buffers.filter(|(number, _)| !named.contains(number));
                others.map(|(_, buffer)| buffer.bytes).sum::<usize>()
            };
            let compact = program.clone().compact();
            let [less, more] = [bytes(&compact), bytes(&program)];
            assert!(less <= more, "{less} of {more} bytes");
            if program.inputs.contains_key("parameters") {
                assert!(less < more, "{less} of {more} bytes");
            }
            // The gradients of weights, which live until the end, are the smaller part of a CNN's step.
            let has_blocks =
                (program.pipelines.iter()).any(|p| p.name == "conv_relu_pool/grad_input");
            assert!(!has_blocks || 6 * less < 5 * more, "{less} of {more} bytes");
            assert_eq!(compact.clone().compact(), compact);
        }
    }
}

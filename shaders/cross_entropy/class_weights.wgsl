// Each class counts as much as its weight.
//
// class_weights  [CLASSES]

const IS_WEIGHTED: bool = true;

@group(0) @binding({{ class_weights_binding }}) var<storage, read_write> class_weights: array<f32>;

fn class_weight(k: u32) -> f32 {
    return class_weights[k];
}

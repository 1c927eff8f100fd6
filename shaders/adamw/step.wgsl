// One step of AdamW (Loshchilov & Hutter, 2019) for all parameters of a model, and the running
// average of the weights.
//
//   m = beta_1 * m + (1 - beta_1) * g
//   v = beta_2 * v + (1 - beta_2) * g^2
//   p = keep * p - learning_rate * (m / bias_correction_1) / (sqrt(v / bias_correction_2) + epsilon)
//   a = a + averaging * (p - a)
//
//   dispatch.x  blocks of INVOCATIONS vectors of four elements; with fewer blocks than elements
//               need, an invocation takes several vectors
//
// parameters, moments_1, moments_2, averages   [LENGTH] vectors: parameter after parameter, with
//                                              gaps of zeros between them
// hyper        one Hyper, new in every step
// gradients_k  [elements of parameter k], one buffer each, where the backward pass left it
//
// How many gradients there are depends on the model: the host writes their declarations (bindings 5
// and on, or 4 and on without averages), `gradient`, which finds the gradient of the elements at an
// offset, and `average`.

struct Hyper {
    learning_rate: f32,
    // 1 - learning_rate * weight decay
    keep: f32,
    beta_1: f32,
    beta_2: f32,
    epsilon: f32,
    // 1 - beta_1^t and 1 - beta_2^t in step t = 1, 2, ..
    bias_correction_1: f32,
    bias_correction_2: f32,
    averaging: f32,
}

const LENGTH: u32 = {{ length }};
const INVOCATIONS: u32 = {{ invocations }};

@group(0) @binding(0) var<storage, read_write> parameters: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> moments_1: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> moments_2: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> hyper: Hyper;
{{ code }}

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(global_invocation_id) invocation: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    let beta_1 = hyper.beta_1;
    let beta_2 = hyper.beta_2;

    for (var i = invocation.x; i < LENGTH; i += workgroups.x * INVOCATIONS) {
        let g = gradient(i);
        let moment_1 = beta_1 * moments_1[i] + (1.0 - beta_1) * g;
        let moment_2 = beta_2 * moments_2[i] + (1.0 - beta_2) * g * g;
        moments_1[i] = moment_1;
        moments_2[i] = moment_2;
        let root = sqrt(moment_2 / hyper.bias_correction_2);
        let update = (moment_1 / hyper.bias_correction_1) / (root + hyper.epsilon);
        let parameter = hyper.keep * parameters[i] - hyper.learning_rate * update;
        parameters[i] = parameter;
        average(i, parameter);
    }
}

// One step of Adam (Kingma & Ba, 2015) for one parameter.
//
//   m = beta_1 * m + (1 - beta_1) * g
//   v = beta_2 * v + (1 - beta_2) * g^2
//   p = p - learning_rate * (m / bias_correction_1) / (sqrt(v / bias_correction_2) + epsilon)
//
//   dispatch.x  blocks of INVOCATIONS elements; with fewer blocks than elements need, an
//               invocation takes several elements
//
// parameters, gradients, moments_1, moments_2   [LENGTH]
// hyper  one Hyper, new in every step

struct Hyper {
    learning_rate: f32,
    beta_1: f32,
    beta_2: f32,
    epsilon: f32,
    // 1 - beta_1^t and 1 - beta_2^t in step t = 1, 2, ..
    bias_correction_1: f32,
    bias_correction_2: f32,
}

const LENGTH: u32 = {{ length }} / LANES;
const INVOCATIONS: u32 = {{ invocations }};

@group(0) @binding(0) var<storage, read_write> parameters: array<Element>;
@group(0) @binding(1) var<storage, read_write> gradients: array<Element>;
@group(0) @binding(2) var<storage, read_write> moments_1: array<Element>;
@group(0) @binding(3) var<storage, read_write> moments_2: array<Element>;
@group(0) @binding(4) var<storage, read_write> hyper: Hyper;

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(global_invocation_id) invocation: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    let beta_1 = hyper.beta_1;
    let beta_2 = hyper.beta_2;

    for (var i = invocation.x; i < LENGTH; i += workgroups.x * INVOCATIONS) {
        let parameter = parameters[i];
        let gradient = gradients[i];
        let moment_1 = beta_1 * moments_1[i] + (1.0 - beta_1) * gradient;
        let moment_2 = beta_2 * moments_2[i] + (1.0 - beta_2) * gradient * gradient;
        moments_1[i] = moment_1;
        moments_2[i] = moment_2;
        let update = (moment_1 / hyper.bias_correction_1) / (sqrt(moment_2 / hyper.bias_correction_2) + hyper.epsilon);
        parameters[i] = parameter - hyper.learning_rate * update;
    }
}

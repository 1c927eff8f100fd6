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
// hyper  [6], new values in every step: learning_rate, beta_1, beta_2, epsilon,
//        bias_correction_1 = 1 - beta_1^t, bias_correction_2 = 1 - beta_2^t in step t = 1, 2, ..

const LENGTH: u32 = {{ length }} / LANES;
const INVOCATIONS: u32 = {{ invocations }};

@group(0) @binding(0) var<storage, read_write> parameters: array<Element>;
@group(0) @binding(1) var<storage, read_write> gradients: array<Element>;
@group(0) @binding(2) var<storage, read_write> moments_1: array<Element>;
@group(0) @binding(3) var<storage, read_write> moments_2: array<Element>;
@group(0) @binding(4) var<storage, read_write> hyper: array<f32>;

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(global_invocation_id) invocation: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    let learning_rate = hyper[0];
    let beta_1 = hyper[1];
    let beta_2 = hyper[2];
    let epsilon = hyper[3];
    let bias_correction_1 = hyper[4];
    let bias_correction_2 = hyper[5];

    for (var i = invocation.x; i < LENGTH; i += workgroups.x * INVOCATIONS) {
        let parameter = parameters[i];
        let gradient = gradients[i];
        let moment_1 = beta_1 * moments_1[i] + (1.0 - beta_1) * gradient;
        let moment_2 = beta_2 * moments_2[i] + (1.0 - beta_2) * gradient * gradient;
        moments_1[i] = moment_1;
        moments_2[i] = moment_2;
        let update = (moment_1 / bias_correction_1) / (sqrt(moment_2 / bias_correction_2) + epsilon);
        parameters[i] = parameter - learning_rate * update;
    }
}

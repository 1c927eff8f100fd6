// A step of AdamW (Loshchilov & Hutter, 2019) for some elements, and the running average of the weights:
//
//   m = beta_1 * m + (1 - beta_1) * g
//   v = beta_2 * v + (1 - beta_2) * g^2
//   p = keep * p - learning_rate * (m / bias_correction_1) / (sqrt(v / bias_correction_2) + epsilon)
//   a = a + averaging * (p - a)
//
// Needs a file of lanes/, and `average(i, parameter)`, which the host writes.
//
// parameters, moments_1, moments_2   parameter after parameter, with gaps between them
// hyper                              one Hyper, new in every step

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

@group(0) @binding(0) var<storage, read_write> parameters: array<Element>;
@group(0) @binding(1) var<storage, read_write> moments_1: array<Element>;
@group(0) @binding(2) var<storage, read_write> moments_2: array<Element>;
@group(0) @binding(3) var<storage, read_write> hyper: Hyper;

fn update(i: u32, gradient: Element) {
    let beta_1 = hyper.beta_1;
    let beta_2 = hyper.beta_2;
    let moment_1 = beta_1 * moments_1[i] + (1.0 - beta_1) * gradient;
    let moment_2 = beta_2 * moments_2[i] + (1.0 - beta_2) * gradient * gradient;
    moments_1[i] = moment_1;
    moments_2[i] = moment_2;
    let root = sqrt(moment_2 / hyper.bias_correction_2);
    let change = (moment_1 / hyper.bias_correction_1) / (root + hyper.epsilon);
    let parameter = hyper.keep * parameters[i] - hyper.learning_rate * change;
    parameters[i] = parameter;
    average(i, parameter);
}

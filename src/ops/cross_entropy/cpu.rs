//! Softmax and cross-entropy on slices.

/// The metrics of a batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sums {
    /// Sum of the rows' losses in nats.
    pub loss_sum: f64,
    /// Rows whose largest logit is at the largest target.
    pub correct: usize,
}

/// Losses and correct predictions of rows of `classes` logits against rows of targets, each of which
/// sums to 1; `grad_logits` becomes the gradient of the mean loss. Without class weights all are 1.
///
/// Stable for logits of any size: the row's maximum is subtracted before the exponential. A NaN
/// among a row's logits makes the loss NaN.
///
/// # Panics
///
/// If the slices' lengths differ.
pub fn forward_backward(
    classes: usize,
    logits: &[f32],
    targets: &[f32],
    class_weights: Option<&[f32]>,
    grad_logits: &mut [f32],
) -> Sums {
    assert_eq!(targets.len(), logits.len(), "length of the targets");
    assert_eq!(grad_logits.len(), logits.len(), "length of the gradient");
    let batch = (logits.len() / classes) as f32;
    let mut sums = Sums {
        loss_sum: 0.0,
        correct: 0,
    };
    let rows = logits
        .chunks_exact(classes)
        .zip(targets.chunks_exact(classes));
    for ((logits, targets), grads) in rows.zip(grad_logits.chunks_exact_mut(classes)) {
        let prediction = argmax(logits);
        let shifted = |logit: f32| logit - logits[prediction];
        let mut sum = 0.0;
        for (grad, &logit) in grads.iter_mut().zip(logits) {
            *grad = shifted(logit).exp();
            sum += *grad;
        }
        let log_sum = sum.ln();
        // What the row counts: as much as its targets' classes do.
        let weight = class_weights.map_or(1.0, |weights| {
            let products = weights.iter().zip(targets).map(|(w, target)| w * target);
            products.sum()
        });
        for ((grad, &logit), &target) in grads.iter_mut().zip(logits).zip(targets) {
            *grad = weight * (*grad / sum - target) / batch;
            // Else 0 · -∞ would be NaN.
            if target != 0.0 {
                sums.loss_sum += f64::from(weight * (target * (log_sum - shifted(logit))));
            }
        }
        sums.correct += usize::from(prediction == argmax(targets));
    }
    sums
}

/// The index of the first largest value.
fn argmax(values: &[f32]) -> usize {
    let mut best = 0;
    for (index, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = index;
        }
    }
    best
}

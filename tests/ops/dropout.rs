//! Dropout drops the same on each backend, as often as it should, and its gradients likewise.

use crate::common::{cpu, values, wgpu};
use burn::Tensor;
use burn::tensor::Device;
use fmnist::ops::dropout::Dropout;

on_each_device!(
    drops_at_the_rate_and_keeps_the_mean,
    gradients_pass_where_values_did,
    every_step_layer_and_seed_drops_others,
    off_changes_nothing,
);

/// `dropout` on ones.
fn ones(dropout: &mut Dropout, len: usize, device: &Device) -> Vec<f32> {
    values(dropout.apply(Tensor::<1>::ones([len], device)))
}

fn drops_at_the_rate_and_keeps_the_mean(device: &Device) {
    for rate in [0.1, 0.5, 0.9] {
        let len = 100_003;
        let kept = ones(&mut Dropout::new(rate, 1, 2), len, device);
        let scale = (1.0 / (1.0 - rate)) as f32;
        assert!(kept.iter().all(|&value| value == 0.0 || value == scale));
        let dropped = kept.iter().filter(|&&value| value == 0.0).count() as f64;
        // Five standard deviations of a binomial distribution.
        let bound = 5.0 * (len as f64 * rate * (1.0 - rate)).sqrt();
        let error = (dropped - len as f64 * rate).abs();
        assert!(error <= bound, "rate {rate}: {dropped} of {len} dropped");
        // Neighbours are independent.
        let pairs = kept.windows(2).filter(|pair| pair == &[0.0, 0.0]).count() as f64;
        let error = (pairs - len as f64 * rate * rate).abs();
        assert!(error <= 2.0 * bound, "rate {rate}: {pairs} pairs dropped");
    }
}

fn gradients_pass_where_values_did(device: &Device) {
    let input = Tensor::<2>::ones([33, 101], &device.clone().autodiff()).require_grad();
    let output = Dropout::new(0.3, 7, 9).apply(input.clone() * 2.0);
    let gradients = (output.clone() * 5.0).sum().backward();
    let gradient = values(input.grad(&gradients).expect("the input has a gradient"));
    let expected: Vec<f32> = values(output).iter().map(|value| 5.0 * value).collect();
    assert_eq!(gradient, expected);
    assert!(gradient.contains(&0.0));
}

fn every_step_layer_and_seed_drops_others(device: &Device) {
    let mut dropout = Dropout::new(0.5, 1, 1);
    let first = ones(&mut dropout, 1000, device);
    let others = [
        ones(&mut dropout, 1000, device),
        ones(&mut Dropout::new(0.5, 1, 2), 1000, device),
        ones(&mut Dropout::new(0.5, 2, 1), 1000, device),
        ones(&mut Dropout::new(0.5, 1 + (1 << 32), 1), 1000, device),
    ];
    assert_eq!(first, ones(&mut Dropout::new(0.5, 1, 1), 1000, device));
    for other in others {
        let same = first.iter().zip(&other).filter(|(a, b)| a == b).count();
        assert!((400..600).contains(&same), "{same} of 1000 are the same");
    }
}

fn off_changes_nothing(device: &Device) {
    assert_eq!(ones(&mut Dropout::off(), 10, device), [1.0; 10]);
    assert_eq!(ones(&mut Dropout::new(0.0, 1, 1), 10, device), [1.0; 10]);
}

#[test]
fn backends_drop_the_same() {
    for len in [1, 2, 3, 4, 5, 1023, 4096, 401_408] {
        let [on_cpu, on_wgpu] = [cpu(), wgpu()].map(|device| {
            let mut dropout = Dropout::new(0.25, 1 << 40, 3);
            [(); 2].map(|()| ones(&mut dropout, len, &device))
        });
        assert_eq!(on_cpu, on_wgpu, "{len} activations");
    }
}

#[test]
fn words_are_those_of_the_published_hash() {
    // Worked out step by step from the definition of pcg4d, for the words that seed, step, layer
    // and place come to.
    let mix = |[mut x, mut y, mut z, mut w]: [u64; 4]| {
        let low = u64::from(u32::MAX);
        x = (x + y * w) & low;
        y = (y + z * x) & low;
        z = (z + x * y) & low;
        w = (w + y * z) & low;
        [x, y, z, w]
    };
    let pcg4d = |words: [u64; 4]| {
        let words = words.map(|word| (word * 1_664_525 + 1_013_904_223) & u64::from(u32::MAX));
        mix(mix(words).map(|word| word ^ (word >> 16)))
    };
    let [x, y, _, _] = pcg4d([11, 0, 22, 0]);
    let kept = ones(&mut Dropout::new(0.5, 11, 22), 400, &cpu());
    for place in 0..400 {
        let word = pcg4d([x, y, 0, place % 100])[place as usize / 100];
        let dropped = word < u64::from(u32::MAX) / 2;
        assert_eq!(kept[place as usize] == 0.0, dropped, "place {place}");
    }
}

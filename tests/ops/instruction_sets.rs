//! The kernels on slices that are plain loops give the same bits on every instruction set; the
//! other tests hold those of the fastest against definitions. (The block's and the fully connected
//! layer's kernels add in another order on each: `conv_relu_pool_cpu.rs` and `linear_cpu.rs` test
//! them on all.)

use crate::common::random;
use fmnist::dataset::{CLASSES, FASHION_MNIST_SPEC, PIXELS};
use fmnist::ops::adamw::{self, AdamStep};
use fmnist::ops::channel_norm;
use fmnist::ops::dropout::{self, Dropout};
use fmnist::ops::gather::{self, Augment, Normalization, Selection, epoch_key, target_values};
use fmnist::ops::simd::Isa;

/// No multiple of a vector's lanes, and more than one thread takes at a time.
const LEN: usize = 70_001;

/// Runs the work on each instruction set of this machine and compares what it returns.
fn same_on_all(work: impl Fn(Isa) -> Vec<f32>) {
    let bits = |isa| -> Vec<u32> { work(isa).into_iter().map(f32::to_bits).collect() };
    let expected = bits(Isa::Portable);
    println!("on {:?}", Isa::available());
    for &isa in Isa::available() {
        assert!(bits(isa) == expected, "{isa:?}");
    }
}

#[test]
fn adamw_updates_the_same() {
    let step = AdamStep::new(0.01, 0.1, 0.9, 7);
    same_on_all(|isa| {
        let mut parameter = random(LEN, 1);
        let mut moment_1 = random(LEN, 2);
        let mut moment_2: Vec<f32> = random(LEN, 3).iter().map(|x| x * x).collect();
        let mut average = random(LEN, 4);
        adamw::cpu::update(
            isa,
            &step,
            &mut parameter,
            &random(LEN, 5),
            &mut moment_1,
            &mut moment_2,
            Some(&mut average),
        );
        [parameter, moment_1, moment_2, average].concat()
    });
}

#[test]
fn dropout_drops_the_same() {
    let mask = Dropout::new(0.3, 42, 9).next_mask();
    same_on_all(|isa| {
        let mut values = random(LEN, 1);
        dropout::cpu::apply_mask(isa, &mut values, &mask);
        values
    });
}

#[test]
fn channel_norm_normalises_the_same() {
    let dims = [7, 33, 5, 9];
    let len = dims.iter().product();
    same_on_all(|isa| {
        let mut output = random(len, 1);
        let factors = channel_norm::cpu::forward(isa, dims, &mut output);
        let mut gradient = random(len, 2);
        channel_norm::cpu::backward(isa, dims, &output, &factors, &mut gradient);
        [output, factors, gradient].concat()
    });
}

#[test]
fn batches_are_gathered_the_same() {
    let images = 50;
    let pixels: Vec<u8> = (random(images * PIXELS, 1).iter())
        .map(|x| x.to_bits() as u8)
        .collect();
    let order: Vec<u32> = (0..images as u32).rev().collect();
    let labels: Vec<u32> = order.iter().map(|i| i % CLASSES as u32).collect();
    let source = gather::cpu::Source {
        images: &pixels,
        spec: FASHION_MNIST_SPEC,
        labels: &labels,
        order: &order,
        target_values: &target_values(0.1, FASHION_MNIST_SPEC),
    };
    let augmented = Augment {
        crop: 30,
        flip: true,
        shift: 3,
        erase: 50,
        erase_side: 9,
        cutmix: 30,
        mixup: 30,
        color: 40,
    };
    for augment in [Augment::NONE, augmented] {
        let selection = Selection {
            first: 3,
            len: 45,
            key: epoch_key(1, 2),
            augment,
            normalization: Normalization::Centered,
            part: None,
        };
        same_on_all(|isa| {
            let (images, targets) = gather::cpu::gather(isa, source, &selection);
            [images, targets].concat()
        });
    }
}

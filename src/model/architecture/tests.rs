//! Sizes by hand, and what cannot be built.

use super::*;

#[test]
fn the_usual_stages_leave_about_7x7() {
    let stages = |height, width| {
        let input = ImageShape {
            channels: 3,
            height,
            width,
        };
        Architecture::of(ModelKind::Cnn, Spec::new(input, 5)).widths
    };
    assert_eq!(stages(28, 28), [32, 64].map(Stage::from));
    assert_eq!(stages(8, 256), [32].map(Stage::from));
    assert_eq!(stages(32, 32), [32, 64].map(Stage::from));
    assert_eq!(stages(64, 64), [32, 64, 128].map(Stage::from));
    assert_eq!(stages(100, 64), [32, 64, 128].map(Stage::from));
    assert_eq!(stages(128, 128), [32, 64, 128, 256].map(Stage::from));
    assert_eq!(stages(256, 256), [32, 64, 128, 256, 512].map(Stage::from));
}

#[test]
fn layers_of_odd_colour_images_by_hand() {
    let input = ImageShape {
        channels: 3,
        height: 33,
        width: 50,
    };
    let cnn = Architecture {
        widths: vec![8.into(), 4.into()],
        ..Architecture::of(ModelKind::Cnn, Spec::new(input, 7))
    };
    // 33×50 becomes 16×25 and 8×12.
    let layers = cnn.layers();
    assert_eq!(layers[0].inputs, 3 * 33 * 50);
    assert_eq!(layers[0].outputs, 8 * 16 * 25);
    assert_eq!(layers[0].weights, 8 * (3 * 9 + 1));
    assert_eq!(layers[1].multiply_adds, 4 * 8 * 9 * 16 * 25);
    assert_eq!(layers[2].inputs, 4 * 8 * 12);
    assert_eq!((layers[2].outputs, layers[3].outputs), (128, 7));
    assert_eq!(cnn.largest_count(), 8 * 33 * 50);
    assert_eq!(cnn.largest_activation(Implementation::Fused), 3 * 33 * 50);
    assert_eq!(
        cnn.largest_activation(Implementation::Reference),
        8 * 33 * 50
    );
    assert!(cnn.check().is_ok());
}

#[test]
fn a_stage_of_several_convolutions_halves_once() {
    let input = ImageShape {
        channels: 3,
        height: 33,
        width: 50,
    };
    let cnn = Architecture {
        widths: staged(&["8-4", "6"]),
        ..Architecture::of(ModelKind::Cnn, Spec::new(input, 7))
    };
    let blocks = cnn.convolutions();
    assert_eq!(
        blocks,
        [
            ([3, 8], [33, 50], 1),
            ([8, 4], [33, 50], 2),
            ([4, 6], [16, 25], 2)
        ]
        .map(|(channels, size, pool)| Convolution {
            channels,
            size,
            pool
        })
    );
    let (large, small) = (33 * 50, 16 * 25);
    let layers = cnn.layers();
    let values: Vec<_> = layers
        .iter()
        .map(|layer| (layer.inputs, layer.outputs))
        .collect();
    let of_blocks = [
        (3 * large, 8 * large),
        (8 * large, 4 * small),
        (4 * small, 6 * 8 * 12),
    ];
    assert_eq!(values[..3], of_blocks);
    assert_eq!(values[3..], [(6 * 8 * 12, 128), (128, 7)]);
    let weights: Vec<_> = layers.iter().map(|layer| layer.weights).collect();
    assert_eq!(
        weights[..3],
        [8 * (3 * 9 + 1), 4 * (8 * 9 + 1), 6 * (4 * 9 + 1)]
    );
    assert_eq!(layers[1].multiply_adds, 8 * 9 * 4 * large);
    let kept = 3 * large + 8 * large + 4 * small + 6 * 8 * 12 + 128 + 7;
    assert_eq!(cnn.activations(Implementation::Fused), kept);
    // What ReLU makes of the first convolution is the block's output.
    let more = 8 * large + 2 * 4 * large + 2 * 6 * small;
    assert_eq!(cnn.activations(Implementation::Reference), kept + more);
    for implementation in [Implementation::Fused, Implementation::Reference] {
        assert_eq!(cnn.largest_activation(implementation), 8 * large);
    }
    assert_eq!(cnn.largest_count(), 8 * large);
    assert!(cnn.check().is_ok());

    let of_garments = Architecture {
        widths: staged(&["64-64", "128-128", "256"]),
        ..Architecture::of(ModelKind::Cnn, FASHION_MNIST_SPEC)
    };
    let of_blocks = 640 + 36_928 + 73_856 + 147_584 + 295_168;
    // Of 3×3 features.
    let connected = 2_305 * 128 + 129 * 10;
    assert_eq!(of_garments.parameters(), of_blocks + connected);
}

fn staged(stages: &[&str]) -> Vec<Stage> {
    let stages = stages.iter().map(|stage| stage.parse().unwrap());
    stages.collect()
}

#[test]
fn widths_that_cannot_be_built_are_refused() {
    for (stages, part) in [
        (
            &["8"; 5][..],
            "5 stages are too many, each halves the image and 28 pixels allow 4",
        ),
        (
            &["8-8-8-8-8", "8-8-8-8-8-8", "8-8-8-8-8-8"],
            "17 convolutions are too many — name at most 16",
        ),
        (&["8-0", "8"], "0 is no size of a layer"),
        (&["0-64"], "0 is no size of a layer"),
        (&["8-8193"], "8193 is no size of a layer"),
    ] {
        let cnn = Architecture {
            widths: staged(stages),
            ..Architecture::of(ModelKind::Cnn, FASHION_MNIST_SPEC)
        };
        let error = cnn.check().unwrap_err().to_string();
        assert!(
            error.starts_with("--widths: ") && error.contains(part),
            "{error}"
        );
    }
    let most = Architecture {
        widths: staged(&["8-8-8-8-8-8", "8-8-8-8-8", "8-8-8-8-8"]),
        ..Architecture::of(ModelKind::Cnn, FASHION_MNIST_SPEC)
    };
    most.check().unwrap();
}

/// Runs of earlier versions have a number for each stage; so has what is written of such a model.
#[test]
fn stages_of_one_convolution_are_numbers_in_json() {
    let usual = Architecture::of(ModelKind::Cnn, FASHION_MNIST_SPEC);
    let with = |widths: &str| {
        format!(
            r#"{{"model":"cnn","input":{},"classes":10,"widths":{widths},"hidden":[128],"pixels":"unit"}}"#,
            serde_json::to_string(&usual.input).unwrap()
        )
    };
    let mixed = Architecture {
        widths: staged(&["64-32", "64"]),
        ..usual.clone()
    };
    for (architecture, widths) in [(&usual, "[32,64]"), (&mixed, "[[64,32],64]")] {
        let json = with(widths);
        assert_eq!(serde_json::to_string(architecture).unwrap(), json);
        let read: Architecture = serde_json::from_str(&json).unwrap();
        assert_eq!(read, *architecture);
    }
}

#[test]
fn images_and_classes_that_cannot_be_trained_on_are_refused() {
    let good = Architecture::of(ModelKind::Dense, FASHION_MNIST_SPEC);
    let shape = |channels, height, width| {
        let mut bad = good.clone();
        bad.input = ImageShape {
            channels,
            height,
            width,
        };
        bad
    };
    let classes = |classes| Architecture {
        classes,
        ..good.clone()
    };
    for (bad, part) in [
        (shape(2, 28, 28), "2 × 28 × 28"),
        (shape(1, 7, 28), "sides of 8 to 256"),
        (shape(3, 28, usize::MAX), "sides of 8 to 256"),
        (classes(1), "1 are no possible number of classes"),
        (classes(1001), "2 to 1000"),
    ] {
        let error = bad.check().unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}

//! Whether a model is right as often as it is sure.

use serde::{Deserialize, Serialize};

use super::{Probabilities, argmax, confidence, ratio};

/// Number of bins, as in the literature.
pub const BINS: usize = 15;

/// Confidence against accuracy, by Guo et al., "On Calibration of Modern Neural Networks" (2017).
///
/// A model's confidence in an image is its probability of the class it predicts. Bin `i` of
/// [`BINS`] holds the images with a confidence in (i/15, (i+1)/15], the first one also those with
/// 0, which stands for NaN.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Mean confidence over all images.
    pub mean_confidence: f64,
    /// Expected calibration error: the mean over all images of the distance between accuracy and
    /// mean confidence of the image's bin.
    pub expected_error: f64,
    /// The reliability diagram.
    pub bins: [Bin; BINS],
}

/// The images within a range of confidence. An empty bin has zeros.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// How many they are.
    pub images: u32,
    /// The mean of their confidences.
    pub mean_confidence: f64,
    /// The fraction of them classified correctly.
    pub accuracy: f64,
}

impl Calibration {
    pub(super) fn new(labels: &[u16], probabilities: &Probabilities) -> Self {
        #[derive(Clone, Copy, Default)]
        struct Sums {
            images: u32,
            right: u32,
            confidence: f64,
        }
        let mut sums = [Sums::default(); BINS];
        for (label, row) in labels.iter().zip(probabilities.rows()) {
            let sum = &mut sums[bin(confidence(row))];
            sum.images += 1;
            sum.right += u32::from(argmax(row) == usize::from(*label));
            sum.confidence += confidence(row);
        }
        let bins = sums.map(|sum| Bin {
            images: sum.images,
            mean_confidence: sum.confidence / f64::from(sum.images.max(1)),
            accuracy: ratio(sum.right as usize, sum.images as usize),
        });
        let mean = |of: fn(&Bin) -> f64| {
            let weighted = bins.iter().map(|bin| f64::from(bin.images) * of(bin));
            weighted.sum::<f64>() / labels.len().max(1) as f64
        };
        Self {
            mean_confidence: mean(|bin| bin.mean_confidence),
            expected_error: mean(|bin| (bin.accuracy - bin.mean_confidence).abs()),
            bins,
        }
    }
}

/// The bin of a confidence. Values a rounding above 1 belong to the last.
fn bin(confidence: f64) -> usize {
    // A product of an f32 with 15 is exact in f64, so that borders fall where they should.
    let bin = (confidence * BINS as f64).ceil() as usize;
    bin.clamp(1, BINS) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Class 0 with probability `p`, the rest shared by the others.
    fn row(p: f32) -> [f32; 10] {
        let mut row = [(1.0 - p) / 9.0; 10];
        row[0] = p;
        row
    }

    #[test]
    fn bins_are_open_below_and_closed_above() {
        let cases = [
            (0.0, 0),
            (1.0 / 15.0, 0),
            (0.066_666_7, 1),
            (0.5, 7),
            (0.999, 14),
            (1.0, 14),
            (1.000_000_1, 14),
        ];
        for (confidence, number) in cases {
            assert_eq!(bin(confidence), number, "{confidence}");
        }
    }

    #[test]
    fn expected_error_by_hand() {
        // 0.75 lies in bin 11: three of four right, no error. 0.5 in bin 7: one of two right, no
        // error. 0.96875 in bin 14: one of two right, 0.46875 off.
        let confidences = [0.75, 0.75, 0.75, 0.75, 0.5, 0.5, 0.96875, 0.96875];
        let labels = [0, 0, 0, 1, 0, 2, 0, 3];
        let calibration = Calibration::new(&labels, &confidences.into_iter().map(row).collect());
        assert_eq!(calibration.expected_error, 0.46875 * 2.0 / 8.0);
        assert_eq!(calibration.mean_confidence, (3.0 + 1.0 + 1.9375) / 8.0);
        let filled: Vec<_> = (0..BINS)
            .filter(|bin| calibration.bins[*bin].images > 0)
            .collect();
        assert_eq!(filled, [7, 11, 14]);
        let last = Bin {
            images: 2,
            mean_confidence: 0.96875,
            accuracy: 0.5,
        };
        assert_eq!(calibration.bins[14], last);
        assert_eq!(calibration.bins[0], Bin::default());
    }

    #[test]
    fn nan_and_no_images_give_numbers() {
        let none = Calibration::new(&[], &Probabilities::new(10, Vec::new()));
        assert_eq!((none.expected_error, none.mean_confidence), (0.0, 0.0));
        let diverged = Calibration::new(&[0, 1], &Probabilities::new(10, vec![f32::NAN; 20]));
        assert_eq!(diverged.bins[0].images, 2);
        assert_eq!(diverged.expected_error, 0.5);
    }
}

//! The library's choices as values of flags, with what the help says of each.

use clap::ValueEnum;
use clap::builder::PossibleValue;

use crate::dataset::{DatasetChoice, Resize};
use crate::device::{AdapterClass, BackendChoice};
use crate::model::ModelKind;
use crate::ops::gather::Normalization;
use crate::train::ClassWeights;
use crate::train::recipe::Recipe;
use crate::train::schedule::Decay;

macro_rules! choices {
    ($($choice:ident { $($variant:ident = $name:literal: $help:literal,)+ })+) => {
        $(
            impl ValueEnum for $choice {
                fn value_variants<'a>() -> &'a [Self] {
                    &[$(Self::$variant),+]
                }

                fn to_possible_value(&self) -> Option<PossibleValue> {
                    Some(match self {
                        $(Self::$variant => PossibleValue::new($name).help($help),)+
                    })
                }
            }
        )+
    };
}

choices! {
    BackendChoice {
        Auto = "auto": "A hardware GPU if there is one, else the CPU",
        Wgpu = "wgpu": "A GPU through WebGPU: Vulkan, Metal or DX12",
        Cpu = "cpu": "The CPU through ndarray",
    }

    AdapterClass {
        Software = "software": "The few cores of a CPU, on which Vulkan runs in software",
        Integrated = "integrated": "A GPU of some ten processors, within a CPU or beside it on the same chip",
        Discrete = "discrete": "A GPU of some hundred processors",
    }

    DatasetChoice {
        Auto = "auto": "Fashion-MNIST if it is there or can be downloaded, else the synthetic stand-in",
        FashionMnist = "fashion-mnist": "Fashion-MNIST or an error",
        Synthetic = "synthetic": "Garments drawn by the program itself: needs no files and no network",
    }

    Resize {
        Pad = "pad": "The whole picture, as large as it fits, in the middle of black",
        Crop = "crop": "As much of its middle as fills the image",
        Stretch = "stretch": "The whole picture, whatever becomes of its proportions",
    }

    ModelKind {
        Dense = "dense": "Fully connected layers",
        Cnn = "cnn": "Convolutional blocks, then fully connected layers",
    }

    Recipe {
        Plain = "plain": "Adam with a fixed learning rate, no tricks: 10 epochs",
        Standard = "standard": "The best accuracy that 10 epochs give",
        Best = "best": "The best accuracy, as long as it takes",
        Pictures = "pictures": "What photographs want, of which there are few: small batches, shifted and blended, nothing mirrored; 60 epochs",
    }

    Normalization {
        Unit = "unit": "From 0, background, to 1",
        Centered = "centered": "With mean 0 and deviation 1 over the training images, in each channel",
    }

    Decay {
        Constant = "constant": "Not at all",
        Cosine = "cosine": "Along half a cosine down to 0 at the end of the run",
    }

    ClassWeights {
        None = "none": "Each image as much as any other",
        Balanced = "balanced": "All images of a class together as much as those of any other",
    }
}

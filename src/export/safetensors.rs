//! Weights in the [safetensors](https://huggingface.co/docs/safetensors) format: the length of a
//! header, the header in JSON, and the values.

use serde_json::{Map, Value, json};

use super::Network;

/// A safetensors file of the weights by the names and in the layouts of a PyTorch `nn.Sequential`:
/// `Conv2d, ReLU, MaxPool2d` for every block, then `Flatten`, then `Linear, ReLU` for every linear
/// layer, without the `MaxPool2d` or the `ReLU` where there is none.
///
/// It makes logits, of which a softmax makes probabilities, from images `[batch, channels, height,
/// width]` whose pixels, in [0, 1] as the model saw them in training, have been normalised: less `pixel_mean`, then divided by
/// `pixel_std`. These two stand in the metadata, in colour as lists in JSON, and the names of the classes, as a list in JSON,
/// under `class_names`.
pub fn to_bytes(network: &Network) -> Vec<u8> {
    let [mean, std] = network.mean_and_std();
    let metadata = json!({
        "class_names": network.class_names(),
        "pixel_mean": number_or_list(&mean),
        "pixel_std": number_or_list(&std),
    });
    let mut header = Map::from_iter([("__metadata__".to_owned(), metadata)]);
    let mut values = Vec::new();
    for tensor in network.tensors() {
        let start = values.len();
        values.extend(tensor.bytes);
        let entry = json!({
            "dtype": "F32",
            "shape": tensor.shape,
            "data_offsets": [start, values.len()],
        });
        header.insert(tensor.name, entry);
    }
    // Spaces align the values.
    let mut header = Value::from(header).to_string().into_bytes();
    header.resize(header.len().next_multiple_of(size_of::<u64>()), b' ');
    let length = (header.len() as u64).to_le_bytes();
    [&length[..], &header, &values].concat()
}

/// One number, or a list of them in JSON, as metadata, which is text.
fn number_or_list(numbers: &[f32]) -> String {
    match numbers {
        [number] => number.to_string(),
        _ => serde_json::to_string(numbers).expect("numbers have a form in JSON"),
    }
}

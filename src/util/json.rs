//! JSON that people may have changed: an error names the field.

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error as _};
use serde_json::{Error, Map, Value};

/// What people call the types that serde expects.
const IN_WORDS: [(&str, &str); 7] = [
    ("expected usize", "expected a whole number"),
    ("expected u64", "expected a whole number"),
    ("expected u16", "expected a whole number up to 65,535"),
    ("expected u8", "expected a whole number up to 255"),
    ("expected f64", "expected a number"),
    ("expected a sequence", "expected a list"),
    ("expected a map", "expected an object"),
];

/// What these bytes of JSON describe.
///
/// # Errors
///
/// If they are no JSON: where; if they describe something else: which field is wrong, as
/// `models[1].widths`.
#[cfg(feature = "cli")]
pub fn parse<T: DeserializeOwned>(json: &[u8]) -> Result<T, Error> {
    named(serde_json::from_slice(json)?)
}

/// For `serde(flatten)`, by which an error would not name its field.
pub fn flattened<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<T, D::Error> {
    let fields = Map::deserialize(deserializer)?;
    named(Value::Object(fields)).map_err(D::Error::custom)
}

fn named<T: DeserializeOwned>(value: Value) -> Result<T, Error> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let mut message = error.into_inner().to_string();
        for (type_name, words) in IN_WORDS {
            message = message.replace(type_name, words);
        }
        // Within flattened fields the error names the field itself.
        match &*path {
            "." => Error::custom(message),
            path => Error::custom(format!("{path}: {message}")),
        }
    })
}

#[cfg(all(test, feature = "cli"))]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Outer {
        _name: String,
        #[serde(flatten, deserialize_with = "flattened")]
        _inner: Inner,
    }

    #[derive(Debug, Deserialize)]
    struct Inner {
        _sizes: Vec<usize>,
        _more: Option<f64>,
        #[serde(default)]
        _models: Vec<Model>,
    }

    #[derive(Debug, Deserialize)]
    struct Model {
        #[serde(flatten, deserialize_with = "flattened")]
        _layer: Layer,
    }

    #[derive(Debug, Deserialize)]
    struct Layer {
        _outputs: u8,
    }

    #[test]
    fn an_error_names_the_field() {
        let message = |json: &str| parse::<Outer>(json.as_bytes()).unwrap_err().to_string();
        for (json, expected) in [
            (
                r#"{"_name": 3, "_sizes": []}"#,
                "_name: invalid type: integer `3`, expected a string",
            ),
            (
                r#"{"_name": "a", "_sizes": [1, "b"]}"#,
                r#"_sizes[1]: invalid type: string "b", expected a whole number"#,
            ),
            (
                r#"{"_name": "a", "_sizes": [], "_more": true}"#,
                "_more: invalid type: boolean `true`, expected a number",
            ),
            (
                r#"{"_name": "a", "_sizes": [], "_models": [{"_outputs": 1}, {"_outputs": 256}]}"#,
                "_models[1]: _outputs: invalid value: integer `256`, expected a whole number up to 255",
            ),
            (r#"{"_name": "a"}"#, "missing field `_sizes`"),
            (
                r#"{"_name": "a","#,
                "EOF while parsing a value at line 1 column 14",
            ),
        ] {
            assert_eq!(message(json), expected, "{json}");
        }
    }

    #[test]
    fn flattened_fields_may_be_left_out_as_others_may() {
        let outer: Outer = parse(br#"{"_sizes": [2], "_name": "a"}"#).unwrap();
        assert_eq!((outer._inner._sizes, outer._inner._more), (vec![2], None));
    }
}

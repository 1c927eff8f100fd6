//! The page's file: its script joined from modules, and a policy that lets nothing else run.

use anyhow::Result;
use base64::prelude::{BASE64_STANDARD, Engine};
use sha2::{Digest, Sha256};

use super::Data;
use crate::util::markup::{self, fill, json};

const TEMPLATE: &str = include_str!("page/index.html");
const STYLE: &str = concat!(
    include_str!("../util/palette.css"),
    include_str!("page/style.css")
);

/// The modules of the script, each after those that it imports.
const MODULES: &[&str] = &[
    include_str!("page/weights.js"),
    include_str!("page/resample.js"),
    include_str!("page/frame.js"),
    include_str!("page/background.js"),
    include_str!("page/fit.js"),
    include_str!("page/prepare.js"),
    include_str!("page/reference.js"),
    include_str!("page/turns.js"),
    include_str!("page/device.js"),
    include_str!("page/predict.js"),
    include_str!("page/random.js"),
    include_str!("page/step.js"),
    include_str!("page/learner.js"),
    include_str!("page/progress.js"),
    include_str!("page/upload.js"),
    include_str!("page/training.js"),
    include_str!("page/pictures.js"),
    include_str!("page/camera.js"),
    include_str!("page/drawing.js"),
    include_str!("page/view.js"),
    include_str!("page/give_way.js"),
    include_str!("page/idx.js"),
    include_str!("page/folder.js"),
    include_str!("page/dataset.js"),
    include_str!("page/dropped.js"),
    include_str!("page/curves.js"),
    include_str!("page/downloads.js"),
    include_str!("page/train_view.js"),
    include_str!("page/train_main.js"),
    include_str!("page/main.js"),
];

/// The page as HTML.
///
/// # Errors
///
/// If the data cannot be told in JSON.
pub fn page(data: &Data) -> Result<String> {
    let script = script();
    // A browser hashes a style or a script after it has made all ends of lines alike.
    let style = STYLE.replace("\r\n", "\n");
    let hash = |text: &str| format!("'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(text)));
    let policy = format!(
        "default-src 'none'; script-src {}; style-src {}; img-src data: blob:; media-src blob:; \
         form-action 'none'; base-uri 'none'",
        hash(&script),
        hash(&style)
    );
    Ok(fill(
        TEMPLATE,
        &[
            (
                "title",
                &markup::text(&format!("{} — fmnist", data.dataset)),
            ),
            ("csp", &policy),
            ("style", &style),
            ("script", &script),
            ("data", &json(data)?),
        ],
    ))
}

/// All modules in one: nothing is imported or exported any more, and comments and indentation are left out. Of a text of
/// more than a line, such as the shader in `turns.js`, that changes nothing but its looks.
fn script() -> String {
    let lines = MODULES.iter().flat_map(|module| module.lines());
    let lines = lines.filter(|line| !line.starts_with("import ") && !is_comment(line));
    let mut script = "// With comments: the modules in src/web/page of fmnist.\n".to_owned();
    for line in lines {
        let code = line.trim_start();
        script += code.strip_prefix("export ").unwrap_or(code);
        script.push('\n');
    }
    script
}

/// Whether people alone read a line of a module.
fn is_comment(line: &str) -> bool {
    let line = line.trim_start();
    ["//", "/**", "* ", "*/"]
        .iter()
        .any(|start| line.starts_with(start))
        || line == "*"
        || line.is_empty()
}

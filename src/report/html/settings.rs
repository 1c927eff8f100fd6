//! The settings of a run, and those in which several runs differ.

use serde_json::Value;

use super::RunData;
use crate::util::markup;

/// Names with values, in the order in which they are shown.
type Settings = Vec<(String, String)>;

/// Parts of a configuration that are not settings but tell what the run was made with and on.
const MADE_WITH: [&str; 3] = ["version", "backend", "device"];
/// The same, of any name.
const ENVIRONMENT: &str = "environment.";

/// Settings, hardware and versions of a run.
pub fn section(run: &RunData) -> String {
    let (general, models) = split(run.config);
    let (environment, general): (Settings, Settings) = general
        .into_iter()
        .partition(|(name, _)| MADE_WITH.contains(&name.as_str()) || name.starts_with(ENVIRONMENT));
    let of_models = match models.is_empty() {
        true => String::new(),
        false => format!(
            r#"<figure><p class="chart-title">Models</p>{}</figure>"#,
            side_by_side(&rows(&models), &heads(&models))
        ),
    };
    format!(
        r#"<div class="figures"><div><figure><p class="chart-title">Settings</p>{}</figure><figure><p class="chart-title">Hardware and versions</p>{}</figure></div>{of_models}</div>"#,
        pairs(&general),
        pairs(&environment)
    )
}

/// The settings that are not the same in all runs.
pub struct Differences {
    runs: Vec<String>,
    rows: Vec<Row>,
}

/// A setting, and its value in each of several runs or models; none where there is no such setting.
struct Row {
    name: String,
    values: Vec<Option<String>>,
}

impl Differences {
    /// Of these runs, with what their datasets are called.
    pub fn of(runs: &[RunData], datasets: &[String]) -> Self {
        let columns: Vec<_> = (runs.iter().zip(datasets))
            .map(|(run, dataset)| (run.name.to_owned(), of_run(run.config, dataset)))
            .collect();
        let mut rows = rows(&columns);
        rows.retain(|row| row.values.iter().any(|value| *value != row.values[0]));
        Self {
            runs: heads(&columns),
            rows,
        }
    }

    /// Whether the runs are repetitions: no setting but their seed differs.
    pub fn only_seeds(&self) -> bool {
        self.rows.iter().all(|row| row.name == "seed")
    }

    /// As a table under a heading.
    pub fn html(&self) -> String {
        match self.rows.is_empty() {
            true => "<p>All settings are the same.</p>".to_owned(),
            false => format!(
                "<h3>Settings that differ</h3>{}",
                side_by_side(&self.rows, &self.runs)
            ),
        }
    }
}

/// All settings in one list, those of a model as `cnn.learning_rate`; `dataset` stands for what the
/// configuration tells of it.
fn of_run(config: &Value, dataset: &str) -> Settings {
    let (mut settings, models) = split(config);
    // The dataset stands for its digests, classes and channels.
    let of_dataset =
        |name: &str| name.starts_with("dataset") || name == "class_names" || name == "channels";
    settings.retain(|(name, _)| !of_dataset(name));
    settings.insert(0, ("dataset".to_owned(), dataset.to_owned()));
    for (model, of_model) in models {
        let named = of_model
            .into_iter()
            .map(|(name, value)| (format!("{model}.{name}"), value));
        settings.extend(named);
    }
    settings
}

/// The settings of the run as a whole, and those of each model under the model's name.
fn split(config: &Value) -> (Settings, Vec<(String, Settings)>) {
    let mut general = Settings::new();
    let mut models = Vec::new();
    for (field, value) in config.as_object().into_iter().flatten() {
        match (field.as_str(), value) {
            ("models", Value::Array(values)) if values.iter().all(Value::is_object) => {
                for value in values {
                    let mut settings = Settings::new();
                    flatten("", value, &mut settings);
                    let name = settings.iter().position(|(name, _)| name == "model");
                    let name = name.map_or(String::new(), |place| settings.remove(place).1);
                    models.push((name, settings));
                }
            }
            _ => flatten(field, value, &mut general),
        }
    }
    (general, models)
}

/// Adds the values within `value`; those of objects as `outer.inner`.
fn flatten(name: &str, value: &Value, out: &mut Settings) {
    let plain = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null => "–".to_owned(),
        value => value.to_string(),
    };
    match value {
        Value::Object(fields) => {
            for (field, value) in fields {
                let dot = if name.is_empty() { "" } else { "." };
                flatten(&format!("{name}{dot}{field}"), value, out);
            }
        }
        Value::Array(values) => {
            let values = values.iter().map(|value| match value {
                // The channels of a stage, as `--widths` takes them.
                Value::Array(values) => values.iter().map(plain).collect::<Vec<_>>().join("-"),
                value => plain(value),
            });
            let values: Vec<String> = values.collect();
            out.push((name.to_owned(), values.join(", ")));
        }
        value => out.push((name.to_owned(), plain(value))),
    }
}

/// A row for each setting that any of the columns has.
fn rows(columns: &[(String, Settings)]) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for (place, (_, settings)) in columns.iter().enumerate() {
        for (name, value) in settings {
            let known = rows.iter().position(|row| row.name == *name);
            let at = known.unwrap_or_else(|| {
                rows.push(Row {
                    name: name.clone(),
                    values: vec![None; columns.len()],
                });
                rows.len() - 1
            });
            rows[at].values[place] = Some(value.clone());
        }
    }
    rows
}

fn heads(columns: &[(String, Settings)]) -> Vec<String> {
    columns.iter().map(|(head, _)| head.clone()).collect()
}

fn side_by_side(rows: &[Row], heads: &[String]) -> String {
    let head: String = heads
        .iter()
        .map(|head| format!(r#"<th scope="col">{}</th>"#, markup::text(head)))
        .collect();
    let mut body = String::new();
    for Row { name, values } in rows {
        body += &format!(r#"<tr><th scope="row">{}</th>"#, markup::text(name));
        for value in values {
            let value = value.as_deref().unwrap_or("–");
            body += &format!("<td>{}</td>", markup::text(value));
        }
        body += "</tr>";
    }
    format!(
        r#"<div class="scroll"><table><thead><tr><th scope="col">setting</th>{head}</tr></thead><tbody>{body}</tbody></table></div>"#
    )
}

fn pairs(settings: &Settings) -> String {
    let row = |(name, value): &(String, String)| {
        let name = name.strip_prefix(ENVIRONMENT).unwrap_or(name);
        let (name, value) = (markup::text(name), markup::text(value));
        format!("<div><dt>{name}</dt><dd>{value}</dd></div>")
    };
    let rows: String = settings.iter().map(row).collect();
    format!(r#"<dl class="pairs">{rows}</dl>"#)
}

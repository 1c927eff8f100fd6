//! Progress bars and lines while the models train.
//!
//! What is for people goes to stderr, so that stdout holds the final table only and a redirected
//! `fmnist train > result.txt` still shows its progress. What is for programs goes to stdout.

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use crate::train::history::EpochRecord;
use crate::util::{lock, stdout, text};

/// How often per second the bars are drawn.
const REDRAWS_PER_SECOND: u8 = 10;

/// How the progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// A bar for each model, and above the bars a line for each finished epoch. For terminals.
    Bars,
    /// A line for each finished epoch, without control characters. For files and pipes.
    Plain,
    /// For each finished epoch a line of JSON on stdout: `"event": "epoch"`, the seed, and the columns
    /// of `history.csv`. For programs.
    Json,
    /// Nothing.
    Quiet,
}

impl Style {
    /// Bars where stderr is a terminal that can move its cursor, plain lines elsewhere.
    pub fn detect(quiet: bool) -> Self {
        if quiet {
            Self::Quiet
        } else if io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|t| t != "dumb")
        {
            Self::Bars
        } else {
            Self::Plain
        }
    }
}

/// The progress of a run: hands out one [`ModelProgress`] per model. Clones share the output.
#[derive(Clone)]
pub struct Progress {
    output: Arc<Output>,
    /// Before the models' names.
    label: String,
    name_width: usize,
    epochs: usize,
    images_per_epoch: usize,
}

enum Output {
    Bars(MultiProgress),
    Plain(Mutex<Box<dyn Write + Send>>),
    Json,
    Quiet,
}

impl Progress {
    /// Progress on stderr of a run that trains each of `models` for `epochs` epochs.
    pub fn new(style: Style, models: &[&str], epochs: usize, images_per_epoch: usize) -> Self {
        let output = match style {
            Style::Bars => Output::Bars(MultiProgress::with_draw_target(
                ProgressDrawTarget::stderr_with_hz(REDRAWS_PER_SECOND),
            )),
            Style::Plain => Output::Plain(Mutex::new(Box::new(io::stderr()))),
            Style::Json => Output::Json,
            Style::Quiet => Output::Quiet,
        };
        Self::with_output(output, models, epochs, images_per_epoch)
    }

    /// Like [`new`](Self::new) with [`Style::Plain`], but writes to `writer`.
    pub fn plain_to(
        writer: impl Write + Send + 'static,
        models: &[&str],
        epochs: usize,
        images_per_epoch: usize,
    ) -> Self {
        let output = Output::Plain(Mutex::new(Box::new(writer)));
        Self::with_output(output, models, epochs, images_per_epoch)
    }

    fn with_output(
        output: Output,
        models: &[&str],
        epochs: usize,
        images_per_epoch: usize,
    ) -> Self {
        Self {
            output: Arc::new(output),
            label: String::new(),
            name_width: models.iter().map(|name| name.len()).max().unwrap_or(0),
            epochs,
            images_per_epoch,
        }
    }

    /// The same of one of several runs, whose name stands before those of its models.
    pub fn labelled(&self, label: String) -> Self {
        Self {
            label,
            ..self.clone()
        }
    }

    /// Prints a line of JSON on stdout with [`Style::Json`]: an object with the name of the event and the
    /// fields of `what`.
    pub fn event(&self, event: &str, what: &impl Serialize) {
        #[derive(Serialize)]
        struct Event<'a, T> {
            event: &'a str,
            #[serde(flatten)]
            what: &'a T,
        }
        if let Output::Json = *self.output
            && let Ok(line) = serde_json::to_string(&Event { event, what })
        {
            // The training goes on; the program ends with the failure.
            drop(stdout::print(format_args!("{line}\n")));
        }
    }

    /// Has `say` tell the user a line, with the run's label: on a terminal above the bars.
    pub fn say(&self, say: &dyn Fn(&str), line: &str) {
        let say = || say(&format!("{}{line}", self.label));
        match &*self.output {
            Output::Bars(bars) => bars.suspend(say),
            _ => say(),
        }
    }

    /// The handle through which the training of `model` reports. Its bar appears at once, so
    /// ask for all handles before the first model starts.
    pub fn model(&self, model: &str) -> ModelProgress {
        let bar = match &*self.output {
            Output::Bars(bars) => {
                let bar = bars.add(ProgressBar::new(self.images_per_epoch as u64));
                bar.set_style(bar_style());
                Some(bar)
            }
            _ => None,
        };
        let now = Instant::now();
        let progress = ModelProgress {
            output: Arc::clone(&self.output),
            bar,
            loss: match self.label.is_empty() {
                true => "loss ",
                false => "",
            },
            name: format!("{}{model:<width$} ", self.label, width = self.name_width),
            epochs: self.epochs,
            images_per_epoch: self.images_per_epoch,
            epoch: 0,
            images_in_epoch: 0,
            images_before: 0,
            images_in_all: 0,
            running: None,
            started: None,
            epoch_started: now,
            last_drawn: now,
        };
        if let Some(bar) = &progress.bar {
            bar.set_prefix(progress.title(0));
            bar.set_message("waiting");
        }
        progress
    }
}

/// One model's progress. Models may train one after the other or side by side, each on its own
/// thread. Dropping the handle removes the model's bar; the lines of its epochs stay.
pub struct ModelProgress {
    output: Arc<Output>,
    /// Only with [`Style::Bars`].
    bar: Option<ProgressBar>,
    /// With the run's label, and padded to the longest model's name.
    name: String,
    /// What an epoch's line calls its losses: nothing where a label takes the room of its 80 columns.
    loss: &'static str,
    epochs: usize,
    images_per_epoch: usize,
    epoch: usize,
    images_in_epoch: usize,
    /// Images of this epoch that were trained on before its clock started.
    images_before: usize,
    /// Since the first [`begin_epoch`](Self::begin_epoch).
    images_in_all: usize,
    /// Loss and accuracy.
    running: Option<(f64, f64)>,
    started: Option<Instant>,
    epoch_started: Instant,
    last_drawn: Instant,
}

impl ModelProgress {
    /// Starts the clock of `epoch`, counted from 1, of whose images so many were trained on before.
    pub fn begin_epoch(&mut self, epoch: usize, images_before: usize) {
        let now = Instant::now();
        self.started.get_or_insert(now);
        self.epoch_started = now;
        self.epoch = epoch;
        self.images_in_epoch = images_before;
        self.images_before = images_before;
        self.running = None;
        self.draw();
    }

    /// Counts `images` trained on. `running` is the epoch's mean loss and accuracy so far where
    /// the caller has them at hand; without them the last ones stay on display.
    pub fn advance(&mut self, images: usize, running: Option<(f64, f64)>) {
        self.images_in_epoch += images;
        self.images_in_all += images;
        self.running = running.or(self.running);
        let interval = Duration::from_secs(1) / u32::from(REDRAWS_PER_SECOND);
        if self.last_drawn.elapsed() >= interval {
            self.draw();
        }
    }

    /// Shows that so many epochs are over before the training goes on.
    pub fn resume(&self, epochs: usize) {
        match &self.bar {
            Some(bar) if epochs >= self.epochs => bar.finish_and_clear(),
            Some(bar) => bar.set_prefix(self.title(epochs)),
            None => {}
        }
    }

    /// Prints the epoch's line. After the last epoch the model's bar is removed.
    pub fn end_epoch(&mut self, record: &EpochRecord) {
        let loss = self.loss;
        self.println(&format!(
            "{}  train {loss}{} acc {:>5}%  val {loss}{} acc {:>5}%  {:>4} s",
            self.title(record.epoch),
            text::loss(record.train_loss),
            text::percent(record.train_accuracy),
            text::loss(record.validation_loss),
            text::percent(record.validation_accuracy),
            text::seconds(record.seconds),
        ));
        match &self.bar {
            Some(bar) if record.epoch >= self.epochs => bar.finish_and_clear(),
            _ => self.draw(),
        }
    }

    /// Prints a line of its own, above the bars if there are any.
    pub fn println(&self, message: &str) {
        // Whoever closed the output wants to see nothing, and the training goes on.
        match &*self.output {
            Output::Bars(bars) => drop(bars.println(message)),
            Output::Plain(writer) => {
                let mut writer = lock(writer);
                drop(writeln!(writer, "{message}").and_then(|()| writer.flush()));
            }
            Output::Json | Output::Quiet => {}
        }
    }

    /// `dense   3/10`, of the same width for all epochs and models.
    fn title(&self, epoch: usize) -> String {
        let width = self.epochs.to_string().len();
        format!("{} {epoch:>width$}/{}", self.name, self.epochs)
    }

    fn draw(&mut self) {
        let Some(bar) = &self.bar else { return };
        self.last_drawn = Instant::now();
        bar.set_prefix(self.title(self.epoch));
        bar.set_position(self.images_in_epoch as u64);
        bar.set_message(self.figures());
    }

    /// `12,345 images/s  ETA 01:23  loss 0.3012 acc 89.12%`: the speed is the epoch's, the time
    /// left is that of all epochs.
    fn figures(&self) -> String {
        let Some(started) = self.started.filter(|_| self.images_in_all > 0) else {
            return "starting".to_string();
        };
        let images = (self.images_in_epoch - self.images_before) as f64;
        let speed = images / self.epoch_started.elapsed().as_secs_f64();
        let epochs_left = self.epochs as f64 - self.epoch as f64 + 1.0;
        let images_left = epochs_left * self.images_per_epoch as f64 - self.images_in_epoch as f64;
        // Validation is part of the time per image, as it is part of what is left.
        let seconds_per_image = started.elapsed().as_secs_f64() / self.images_in_all as f64;
        let mut figures = format!(
            "{:>7} images/s  ETA {}",
            text::thousands(speed as u64),
            text::clock(images_left * seconds_per_image),
        );
        if let Some((loss, accuracy)) = self.running {
            let (loss, accuracy) = (text::loss(loss), text::percent(accuracy));
            figures += &format!("  loss {loss} acc {accuracy:>5}%");
        }
        figures
    }
}

fn bar_style() -> ProgressStyle {
    ProgressStyle::with_template("{prefix}  {wide_bar:.cyan/dim}  {msg}")
        .expect("the template is a constant")
        .progress_chars("━╸─")
}

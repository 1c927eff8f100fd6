//! A report as plain text.

use super::{ModelReport, Report};
use crate::device::Backend;
use crate::util::text;

const WIDTH: usize = 80;
const LABEL_WIDTH: usize = 24;
const COLUMN_WIDTH: usize = 17;
const KERNEL_WIDTH: usize = 42;

/// A row's label and its value for a model; none where the backend has no such thing.
type Row = (&'static str, fn(&Report, &ModelReport) -> Option<String>);

const ROWS: [Row; 18] = [
    ("steps measured", |_, m| {
        Some(text::thousands(m.steps as u64))
    }),
    ("step, median", |_, m| Some(ms(m.step_ms.median))),
    ("  quartiles", |_, m| {
        let (low, high) = (m.step_ms.lower_quartile, m.step_ms.upper_quartile);
        Some(format!("{} – {}", significant(low), ms(high)))
    }),
    ("  enqueued in", |_, m| m.enqueue_ms.map(ms)),
    ("  launched one by one", |_, m| m.one_by_one_ms.map(ms)),
    ("  GPU idle", |_, m| m.idle_share.map(percent)),
    ("images per second", |_, m| {
        Some(text::thousands(m.images_per_s.round() as u64))
    }),
    ("first step", |_, m| Some(seconds(m.first_step_s))),
    ("  since process start", |_, m| {
        Some(seconds(m.first_step_since_process_start_s))
    }),
    ("launches per step", |_, m| m.launches_per_step.map(count)),
    ("uploaded per step", |_, m| {
        m.uploaded_bytes_per_step.map(bytes)
    }),
    ("read back per step", |_, m| {
        m.read_back_bytes_per_step.map(bytes)
    }),
    ("dense arithmetic", |_, m| {
        Some(significant(m.gflop_per_s) + " GFLOP/s")
    }),
    ("  of the ceiling", |r, m| {
        Some(percent(m.gflop_per_s / r.ceilings.multiply_add_gflop_per_s))
    }),
    ("least traffic", |_, m| {
        Some(significant(m.gb_per_s) + " GB/s")
    }),
    ("  of the ceiling", |r, m| {
        Some(percent(m.gb_per_s / r.ceilings.copy_gb_per_s))
    }),
    ("GPU memory in use", |_, m| {
        m.device_memory_bytes
            .map(|memory| bytes(memory.in_use as f64))
    }),
    ("  reserved", |_, m| {
        m.device_memory_bytes
            .map(|memory| bytes(memory.reserved as f64))
    }),
];

/// The models side by side, then what a step of each is made of. Ends with a newline; no line is
/// wider than 80 columns for up to three models.
pub fn table(report: &Report) -> String {
    let mut out = String::new();
    push_line(&mut out, &format!("{} — {}", report.backend, report.device));
    let class = report.adapter_class;
    let class = class.map_or(String::new(), |class| {
        format!(", kernels for {}", class.name())
    });
    push_line(
        &mut out,
        &format!(
            "{}, batches of {}{class}",
            report.dataset, report.batch_size
        ),
    );
    push_line(&mut out, "");

    let mut header = " ".repeat(LABEL_WIDTH);
    for model in &report.models {
        header += &format!("{:>COLUMN_WIDTH$}", model.model.name());
    }
    push_line(&mut out, &header);
    push_line(&mut out, &"-".repeat(header.len()));
    for (label, value) in ROWS {
        let cells = report.models.iter().map(|model| value(report, model));
        // A backend has a row for all models or for none.
        let Some(cells) = cells.collect::<Option<Vec<String>>>() else {
            continue;
        };
        let mut line = format!("{label:<LABEL_WIDTH$}");
        for cell in cells {
            line += &format!("{cell:>COLUMN_WIDTH$}");
        }
        push_line(&mut out, &line);
    }

    for model in &report.models {
        push_line(&mut out, "");
        push_kernels(&mut out, report, model);
    }

    push_line(&mut out, "");
    push_line(
        &mut out,
        &format!(
            "ceilings: multiply-adds {} GFLOP/s, copies {} GB/s",
            significant(report.ceilings.multiply_add_gflop_per_s),
            significant(report.ceilings.copy_gb_per_s)
        ),
    );
    if let Some(peak) = report.peak_process_bytes {
        push_line(
            &mut out,
            &format!("peak memory of the process: {}", bytes(peak as f64)),
        );
    }
    out
}

fn push_kernels(out: &mut String, report: &Report, model: &ModelReport) {
    let clock = match (report.backend, model.kernel_clock) {
        (Backend::Cpu, _) => "",
        (_, "device") => ", by the GPU's clock",
        (_, _) => ", by the host's clock: the GPU has no timestamps",
    };
    let title = format!(
        "{}: kernels take {} per step{clock}",
        model.model,
        ms(model.kernels_ms_per_step)
    );
    push_line(out, &title);
    for kernel in &model.kernels {
        push_line(
            out,
            &format!(
                "  {:<KERNEL_WIDTH$} {:>6} × {:>11} {:>9}",
                text::one_line(&kernel.name, KERNEL_WIDTH),
                count(kernel.calls_per_step),
                ms(kernel.ms_per_step),
                percent(kernel.share)
            ),
        );
    }
}

fn push_line(out: &mut String, line: &str) {
    out.push_str(&text::one_line(line.trim_end(), WIDTH));
    out.push('\n');
}

/// Three digits, more before the point: `0.0123`, `1.23`, `123`, `12,345`.
fn significant(value: f64) -> String {
    if value >= 999.5 {
        return text::thousands(value.round() as u64);
    }
    // 9.995 rounds to two digits before the point.
    let magnitude = (value * 1.0005).log10().floor();
    let decimals = (2.0 - magnitude).clamp(0.0, 6.0) as usize;
    format!("{value:.decimals$}")
}

fn ms(value: f64) -> String {
    significant(value) + " ms"
}

fn seconds(value: f64) -> String {
    significant(value) + " s"
}

/// A mean of whole numbers, mostly whole itself.
fn count(value: f64) -> String {
    let rounded = value.round();
    if (value - rounded).abs() < 0.05 {
        text::thousands(rounded as u64)
    } else {
        format!("{value:.1}")
    }
}

fn bytes(value: f64) -> String {
    match value {
        ..1e3 => count(value) + " B",
        ..1e6 => significant(value * 1e-3) + " kB",
        ..1e9 => significant(value * 1e-6) + " MB",
        _ => significant(value * 1e-9) + " GB",
    }
}

fn percent(fraction: f64) -> String {
    format!("{:.1} %", 100.0 * fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_three_digits() {
        for (value, text) in [
            (0.00123, "0.00123"),
            (0.1234, "0.123"),
            (1.0, "1.00"),
            (9.994, "9.99"),
            (9.996, "10.0"),
            (99.96, "100"),
            (123.4, "123"),
            (999.6, "1,000"),
            (12_345.6, "12,346"),
        ] {
            assert_eq!(significant(value), text);
        }
    }

    #[test]
    fn counts_and_bytes() {
        assert_eq!(count(34.0), "34");
        assert_eq!(count(0.25), "0.2");
        assert_eq!(bytes(0.0), "0 B");
        assert_eq!(bytes(999.0), "999 B");
        assert_eq!(bytes(406_720.0), "407 kB");
        assert_eq!(bytes(44_960_480.0), "45.0 MB");
    }
}

//! Numbers and names as a person reads them.

use std::path::Path;

/// `421642` as `421,642`.
pub fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number and what it counts, whose name is given in the singular: `1 image`, `60,000 images`,
/// `10 classes`.
pub fn count(n: usize, thing: &str) -> String {
    let plural = match (n, thing.ends_with('s')) {
        (1, _) => "",
        (_, true) => "es",
        (_, false) => "s",
    };
    format!("{} {thing}{plural}", thousands(n as u64))
}

/// `is` or `are`, of so many.
pub fn is_or_are(n: usize) -> &'static str {
    match n {
        1 => "is",
        _ => "are",
    }
}

/// The first five in a sentence, and how many more there are: `a, b, c, d, e and 7 more`.
pub fn first_five(mut items: impl Iterator<Item = String>) -> String {
    let first: Vec<String> = items.by_ref().take(5).collect();
    let text = first.join(", ");
    match items.count() {
        0 => text,
        more => format!("{text} and {} more", thousands(more as u64)),
    }
}

/// The first five as indented lines, and how many more there are.
pub fn indented_five(lines: impl ExactSizeIterator<Item = String>) -> String {
    let more = lines.len().saturating_sub(5);
    let mut text: Vec<String> = lines.take(5).map(|line| format!("   {line}")).collect();
    if more > 0 {
        text.push(format!("   and {} more", thousands(more as u64)));
    }
    text.join("\n")
}

/// A loss in six characters: four decimals below 10, fewer above, `   NaN` and `   inf`.
pub fn loss(value: f64) -> String {
    match value.abs() {
        ..9.99995 => format!("{value:6.4}"),
        ..99.9995 => format!("{value:6.3}"),
        ..999.995 => format!("{value:6.2}"),
        f64::INFINITY => format!("{value:6}"),
        _ => format!("{value:6.0e}"),
    }
}

/// Appends a line without spaces at its end.
pub fn push_line(out: &mut String, line: &str) {
    out.push_str(line.trim_end());
    out.push('\n');
}

/// A fraction as a percentage with two decimals: `0.8912` as `89.12`.
pub fn percent(fraction: f64) -> String {
    format!("{:.2}", 100.0 * fraction)
}

/// Seconds with one decimal, with none from 100 on: `12.3`, `123`.
pub fn seconds(value: f64) -> String {
    // 99.95 rounds to three digits before the point.
    let decimals = if value < 99.95 { 1 } else { 0 };
    format!("{value:.decimals$}")
}

/// A number of bytes in the largest binary unit of which there is one or more: `15 B`, `1.46 KiB`.
pub fn bytes(n: u64) -> String {
    let mut number = n as f64;
    let mut unit = "";
    for larger in ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"] {
        if number < 1024.0 {
            break;
        }
        number /= 1024.0;
        unit = larger;
    }
    match unit {
        "" => format!("{n} B"),
        _ => format!("{number:.2} {unit}B"),
    }
}

/// Whole seconds as a clock shows them: `01:23`, from one hour on `1:02:03`.
pub fn clock(seconds: f64) -> String {
    // The cast saturates, so that NaN and infinity are shown as some time, not a panic.
    let seconds = seconds.round() as u64;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes:02}:{seconds:02}")
    }
}

/// `text` as one printable line of at most `max_chars` characters.
///
/// Control characters, also those that turn the direction of writing, become spaces; what is cut off
/// leaves an ellipsis.
pub fn one_line(text: &str, max_chars: usize) -> String {
    let mut line: String = text
        .chars()
        .take(max_chars)
        .map(|c| if is_unprintable(c) { ' ' } else { c })
        .collect();
    if text.chars().nth(max_chars).is_some() {
        line.pop();
        line.push('…');
    }
    line
}

/// Whether a character moves the terminal's cursor, ends a line or a paragraph, or turns what stands beside it
/// (Unicode's bidirectional formatting characters).
pub fn is_unprintable(c: char) -> bool {
    let ends = matches!(c, '\u{2028}' | '\u{2029}');
    let turns = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || ends || turns
}

/// `text` as one printable line of any length that a person reads.
pub fn line(text: &str) -> String {
    one_line(text, 4096)
}

/// `text` as printable lines: a line ends where the next one is empty or indented, as those of a list are.
pub fn lines(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for part in text.split('\n') {
        match lines.last_mut() {
            Some(last) if !(last.is_empty() || part.is_empty() || part.starts_with("  ")) => {
                *last = format!("{last} {}", line(part));
            }
            _ => {
                let indent = &part[..part.len() - part.trim_start_matches(' ').len()];
                lines.push(format!("{indent}{}", line(part.trim_start_matches(' '))));
            }
        }
    }
    lines.join("\n")
}

/// A path as it can be printed.
pub fn shown(path: &Path) -> String {
    line(&path.to_string_lossy())
}

/// A path as a word of a command that can be pasted into a shell.
pub fn quoted(path: &Path) -> String {
    // What begins with a dash would be taken for a flag.
    let path = match path.as_os_str().as_encoded_bytes() {
        [b'-', ..] => Path::new(".").join(path),
        _ => path.to_path_buf(),
    };
    match path.to_str() {
        Some(text) if !text.contains(is_unprintable) => {
            shlex::try_quote(text).map_or_else(|_| shown(&path), |word| word.into_owned())
        }
        _ => escaped(path.as_os_str().as_encoded_bytes()),
    }
}

/// Bytes that a terminal does not show, quoted as `$'…'` as POSIX.1-2024 has it.
fn escaped(bytes: &[u8]) -> String {
    let characters = bytes.iter().map(|&byte| match byte {
        b'\'' | b'\\' => format!("\\{}", char::from(byte)),
        b' '..=b'~' => char::from(byte).to_string(),
        _ => format!("\\{byte:03o}"),
    });
    format!("$'{}'", characters.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        let cases = [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (101_770, "101,770"),
            (u64::MAX, "18,446,744,073,709,551,615"),
        ];
        for (n, text) in cases {
            assert_eq!(thousands(n), text);
        }
    }

    #[test]
    fn counted_things_agree_with_their_number() {
        for (n, text) in [(0, "0 images"), (1, "1 image"), (60_000, "60,000 images")] {
            assert_eq!(count(n, "image"), text);
        }
    }

    #[test]
    fn losses_keep_their_width() {
        let cases = [
            (0.30119, "0.3012"),
            (9.99999, "10.000"),
            (12.5, "12.500"),
            (999.99, "999.99"),
            (999.999, "   1e3"),
            (123_456.0, "   1e5"),
            (f64::MAX, " 2e308"),
            (f64::NAN, "   NaN"),
            (f64::INFINITY, "   inf"),
        ];
        for (value, text) in cases {
            assert_eq!(loss(value), text);
        }
    }

    #[test]
    fn bytes_have_a_unit_of_their_size() {
        let cases = [
            (0, "0 B"),
            (1_023, "1023 B"),
            (1_024, "1.00 KiB"),
            (1_500, "1.46 KiB"),
            (192 << 20, "192.00 MiB"),
            (4 << 30, "4.00 GiB"),
            (u64::MAX, "16.00 EiB"),
        ];
        for (n, text) in cases {
            assert_eq!(bytes(n), text);
        }
    }

    #[test]
    fn times() {
        assert_eq!(seconds(12.34), "12.3");
        assert_eq!(seconds(99.96), "100");
        assert_eq!(clock(59.6), "01:00");
        assert_eq!(clock(3723.0), "1:02:03");
    }

    #[test]
    fn one_line_cuts_and_cleans() {
        assert_eq!(one_line("a\tb\u{1b}[1m", 80), "a b [1m");
        assert_eq!(one_line("a\u{202e}b\u{2066}c\u{2028}d", 80), "a b c d");
        assert_eq!(one_line("äöü", 3), "äöü");
        assert_eq!(one_line("äöüß", 3), "äö…");
    }

    #[test]
    fn words_for_a_shell_are_quoted_where_they_must_be() {
        for (path, word) in [
            ("runs/2026-11-22_12-00-00", "runs/2026-11-22_12-00-00"),
            ("my run", "'my run'"),
            ("-dash", "./-dash"),
            ("a\nb'c\\", r"$'a\012b\'c\\'"),
            ("a\u{202e}", r"$'a\342\200\256'"),
        ] {
            assert_eq!(quoted(Path::new(path)), word);
        }
    }
}

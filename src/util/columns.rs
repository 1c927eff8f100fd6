//! Text in columns of a terminal, where a character takes one, two or none.

use std::collections::BTreeSet;

use console::{Alignment, measure_text_width, pad_str, truncate_str};

use super::text;

/// Columns that the longest of these takes, at least `least` and at most `most`.
pub fn width_of(texts: impl IntoIterator<Item: AsRef<str>>, least: usize, most: usize) -> usize {
    let widths = texts
        .into_iter()
        .map(|text| measure_text_width(text.as_ref()));
    let longest = widths.max();
    longest.unwrap_or(0).clamp(least, most.max(least))
}

/// `text` without control characters in exactly `width` columns: padded, or cut with an ellipsis.
pub fn fit(text: &str, width: usize) -> String {
    let line = text::line(text);
    // A wide character that is cut leaves half of its columns to the padding.
    let cut = truncate_str(&line, width, "…");
    pad_str(&cut, width, Alignment::Left, None).into_owned()
}

/// The same for a path, of which the end tells most: it is cut at its beginning.
pub fn fit_end(path: &str, width: usize) -> String {
    let line = text::line(path);
    if measure_text_width(&line) <= width {
        return fit(&line, width);
    }
    let mut cuts = line.char_indices().map(|(at, _)| &line[at..]);
    let end = cuts.find(|end| measure_text_width(end) < width);
    fit(&format!("…{}", end.unwrap_or_default()), width)
}

/// Names, each as [`fit`] has it; in their middle where cutting their ends makes two of them alike.
pub fn fit_apart(names: &[String], width: usize) -> Vec<String> {
    let cut: Vec<String> = names.iter().map(|name| fit(name, width)).collect();
    if cut.iter().collect::<BTreeSet<_>>().len() == names.len() {
        return cut;
    }
    let in_the_middle = |name: &String| {
        if measure_text_width(&text::line(name)) <= width {
            return fit(name, width);
        }
        let line = text::line(name);
        let beginning = truncate_str(&line, width / 2, "");
        let rest = width - measure_text_width(&beginning);
        format!("{beginning}{}", fit_end(&line, rest))
    };
    names.iter().map(in_the_middle).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_cut_where_it_tells_least() {
        assert_eq!(fit("ab\tc", 6), "ab c  ");
        assert_eq!(fit("abcdef", 4), "abc…");
        assert_eq!(fit("日本語", 4), "日… ");
        assert_eq!(fit_end("a/b/cat.png", 8), "…cat.png");
        let names = ["class number 1", "class number 2", "日本"].map(str::to_owned);
        assert_eq!(fit_apart(&names, 8), ["clas…r 1", "clas…r 2", "日本    "]);
        assert_eq!(fit_apart(&names[1..], 8), ["class n…", "日本    "]);
        assert_eq!(width_of(["日本", "a"], 1, 9), 4);
    }
}

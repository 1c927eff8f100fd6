//! Text from files, and where it may stand in a page.

use anyhow::Result;
use serde::Serialize;

use crate::util::text::one_line;

/// Characters of a line that are shown.
const MAX_CHARS: usize = 1000;

/// `raw` as one printable line: no control characters, and none that change the direction of the
/// text around them.
pub fn clean(raw: &str) -> String {
    one_line(raw, MAX_CHARS)
}

/// `raw`, cleaned, as the content of an element or as the value of a quoted attribute.
pub fn text(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    for c in clean(raw).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// `value` as JSON that may stand in a `<script>` element: nothing in it can end the element.
///
/// # Errors
///
/// If `value` cannot be told in JSON.
pub fn json<T: Serialize>(value: &T) -> Result<String> {
    // Outside of strings JSON has none of these characters.
    Ok(serde_json::to_string(value)?
        .replace('&', "\\u0026")
        .replace('<', "\\u003c")
        .replace('>', "\\u003e"))
}

/// `template` with each `{{ name }}` replaced by the value of that name. What is put in is not looked
/// at again.
pub fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, behind)) = rest.split_once("{{") {
        let (name, behind) = behind.split_once("}}").unwrap_or((behind, ""));
        let value = values.iter().find(|(n, _)| *n == name.trim());
        out += before;
        out += value.map_or("", |(_, value)| value);
        rest = behind;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_becomes_text() {
        assert_eq!(
            text("<img src=x onerror='a(\"&\")'>"),
            "&lt;img src=x onerror=&#39;a(&quot;&amp;&quot;)&#39;&gt;"
        );
        assert_eq!(text("a\u{1b}[31m\n\0\u{202e}b"), "a [31m   b");
        assert_eq!(text(&"ä".repeat(10_000)).chars().count(), MAX_CHARS);
    }

    #[test]
    fn json_cannot_end_its_element() {
        let hostile = ["</script><!--", "\u{1b}&"];
        let escaped = json(&hostile).unwrap();
        assert!(!escaped.contains(['<', '>', '&', '\u{1b}']), "{escaped}");
        assert_eq!(
            serde_json::from_str::<[String; 2]>(&escaped).unwrap(),
            hostile
        );
    }

    #[test]
    fn values_are_not_filled_in_turn() {
        let values = [("a", "{{b}}"), ("b", "{{a}}")];
        assert_eq!(fill("x{{a}}y{{b}}z{{none}}", &values), "x{{b}}y{{a}}z");
        assert_eq!(fill("{{a", &values), "{{b}}");
    }
}

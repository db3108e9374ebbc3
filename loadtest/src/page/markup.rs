//! Writes elements of HTML and SVG, so that no text can be taken for markup.
//!
//! What it writes is well-formed XML, and HTML too.

use std::fmt::{self, Display, Write};

/// Markup that is being written. Everything is escaped but names of elements and attributes, which are constants.
#[derive(Debug, Default)]
pub(super) struct Markup {
    text: String,
}

impl Markup {
    /// Nothing yet.
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// What was written.
    pub(super) fn into_string(self) -> String {
        self.text
    }

    /// An element with what `inside` writes into it.
    pub(super) fn element(
        &mut self,
        name: &'static str,
        attributes: &[(&'static str, &dyn Display)],
        inside: impl FnOnce(&mut Self),
    ) {
        self.open(name, attributes);
        self.text.push('>');
        inside(self);
        let _written = write!(self.text, "</{name}>");
    }

    /// An element that holds a text alone.
    pub(super) fn text_element(
        &mut self,
        name: &'static str,
        attributes: &[(&'static str, &dyn Display)],
        text: impl Display,
    ) {
        self.element(name, attributes, |inside| inside.text(text));
    }

    /// An element that holds nothing.
    pub(super) fn empty_element(
        &mut self,
        name: &'static str,
        attributes: &[(&'static str, &dyn Display)],
    ) {
        self.open(name, attributes);
        self.text.push_str("/>");
    }

    /// A text.
    pub(super) fn text(&mut self, text: impl Display) {
        // Writing to a string cannot fail.
        let _written = write!(Escaped(&mut self.text), "{text}");
    }

    /// Markup of our own that is complete, such as a style sheet.
    pub(super) fn raw(&mut self, markup: &str) {
        self.text.push_str(markup);
    }

    fn open(&mut self, name: &'static str, attributes: &[(&'static str, &dyn Display)]) {
        // Lines that a person can read, and a diff can show.
        if !self.text.is_empty() && self.text.ends_with('>') {
            self.text.push('\n');
        }
        let _written = write!(self.text, "<{name}");
        for (name, value) in attributes {
            let _written = write!(self.text, " {name}=\"");
            let _written = write!(Escaped(&mut self.text), "{value}");
            self.text.push('"');
        }
    }
}

/// Escapes what is written through it, for texts and for attributes in double quotes.
struct Escaped<'a>(&'a mut String);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                '\n' | '\t' => self.0.push(c),
                // Neither XML nor HTML has these, not even escaped; and marks that turn the direction of what
                // follows would let a text show as another.
                c if c.is_control() || is_unseen(c) => self.0.push('\u{fffd}'),
                c => self.0.push(c),
            }
        }
        Ok(())
    }
}

/// Marks of direction and characters that no text may hold.
fn is_unseen(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || u32::from(c) & 0xfffe == 0xfffe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_is_taken_for_markup() {
        for hostile in [
            "</text><script>alert(1)</script>",
            "\"/><svg onload='alert(1)'>",
            "]]>&lt;&#0;--><!--",
            "\0\u{1b}[31m\u{202e}\u{ffff}\u{7f}\r",
            "javascript:alert(1)",
        ] {
            let mut markup = Markup::new();
            markup.element("g", &[("class", &hostile)], |inside| inside.text(hostile));
            let markup = markup.into_string();
            let document = roxmltree::Document::parse(&markup).expect("well-formed");
            let element = document.root_element();
            assert_eq!(document.descendants().count(), 3, "{markup}");
            assert_eq!(element.attributes().count(), 1, "{markup}");
            let kept = |c: &char| !c.is_control() && !is_unseen(*c) && *c != '\u{fffd}';
            let expected: String = hostile.chars().filter(kept).collect();
            for text in [element.text(), element.attribute("class")] {
                let found: String = text.expect("one").chars().filter(kept).collect();
                assert_eq!(found, expected);
            }
        }
    }
}

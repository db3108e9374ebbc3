//! Terminals: how wide they are, and colours where they are wanted.

use std::io::IsTerminal;
use std::os::fd::AsFd;

use rustix::termios::tcgetwinsize;

/// Of a terminal that does not say how wide it is.
const COLUMNS_ASSUMED: usize = 80;

/// Whether to colour, and how: on a terminal, unless `NO_COLOR` is set (<https://no-color.org>).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Colours {
    are_wanted: bool,
}

impl Colours {
    /// What suits this stream.
    pub(crate) fn of(stream: &impl IsTerminal) -> Self {
        let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self {
            are_wanted: stream.is_terminal() && !is_set("NO_COLOR") && !is_dumb,
        }
    }

    /// What is wrong.
    pub(crate) fn red(self, text: &str) -> String {
        self.paint("31", text)
    }

    /// What is right.
    pub(crate) fn green(self, text: &str) -> String {
        self.paint("32", text)
    }

    /// What to look at.
    pub(crate) fn yellow(self, text: &str) -> String {
        self.paint("33", text)
    }

    /// What is under way.
    pub(crate) fn blue(self, text: &str) -> String {
        self.paint("36", text)
    }

    /// What stands out.
    pub(crate) fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    /// What matters less.
    pub(crate) fn faint(self, text: &str) -> String {
        self.paint("2", text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        match self.are_wanted && !text.is_empty() {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.to_owned(),
        }
    }
}

/// Columns of the terminal on this stream.
pub(crate) fn columns(stream: &impl AsFd) -> usize {
    match tcgetwinsize(stream).map(|size| usize::from(size.ws_col)) {
        Ok(0) | Err(_) => COLUMNS_ASSUMED,
        Ok(columns) => columns,
    }
}

/// Breaks a text between its words into lines of at most `columns` characters; a longer word has a line of its own.
pub(crate) fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Characters that take room: all but the commands for colours.
pub(crate) fn visible_chars(text: &str) -> usize {
    let mut pieces = text.split('\x1b');
    let first = pieces.next().unwrap_or_default().chars().count();
    let rest = pieces.map(|piece| {
        piece
            .split_once('m')
            .map_or(0, |(_, seen)| seen.chars().count())
    });
    first + rest.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_take_no_room() {
        assert_eq!(visible_chars("p99 5 µs"), 8);
        assert_eq!(visible_chars("\x1b[31m3 faults\x1b[0m!"), 9);
        let colours = Colours { are_wanted: true };
        assert_eq!(visible_chars(&colours.red("3 faults")), 8);
        assert_eq!(Colours { are_wanted: false }.red("3 faults"), "3 faults");
    }

    #[test]
    fn lines_break_between_words() {
        assert_eq!(wrapped("a bc def", 4), ["a bc", "def"]);
        assert_eq!(wrapped("a longest b", 4), ["a", "longest", "b"]);
        assert_eq!(wrapped("p50 1  p99 2", 40), ["p50 1  p99 2"]);
        assert_eq!(wrapped("", 4), [""]);
    }
}

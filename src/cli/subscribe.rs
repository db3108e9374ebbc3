//! `shardcast subscribe`: one line for each message.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::process;
use std::thread;
use std::time::Instant;

use clap::ArgMatches;
use tokio::signal::unix::{SignalKind, signal};

use super::client::Client;
use super::command::{CHANNEL, COUNT, JSON, URL};
use super::connect::ANSWER_TIMEOUT;
use super::failure::Failure;
use super::frames::{self, ServerFrame};
use super::publish::ShellQuoted;
use super::trust::Trust;

pub(super) fn run(matches: &ArgMatches) -> Result<(), Failure> {
    end_on_interrupt()
        .map_err(|error| Failure::world(format!("cannot listen for Ctrl-C: {error}")))?;
    let url: &String = matches.get_one(URL).expect("it has a default");
    let channels: BTreeSet<&String> = matches
        .get_many(CHANNEL)
        .expect("clap demands it")
        .collect();
    let mut printer = Printer {
        as_json: matches.get_flag(JSON),
        lines_left: matches.get_one(COUNT).copied(),
    };

    let mut client = Client::connect(url, &Trust::new(matches))?;
    client.set_deadline(Some(Instant::now() + ANSWER_TIMEOUT));
    for channel in &channels {
        client.send(frames::subscribe(channel))?;
    }
    let mut unanswered: BTreeSet<&str> = channels.iter().map(|channel| channel.as_str()).collect();
    loop {
        let text = client.receive()?;
        match ServerFrame::parse(&text) {
            ServerFrame::Subscribed { channel } => {
                if unanswered.remove(channel.as_str()) && unanswered.is_empty() {
                    client.set_deadline(None);
                    eprintln!("subscribed on {url}; Ctrl-C ends");
                }
            }
            ServerFrame::Refused { channel, reason } => return Err(refused(&channel, &reason)),
            ServerFrame::Message {
                channel,
                event,
                data,
            } => {
                let line = if printer.as_json {
                    json_line(&text)
                } else {
                    human_line(&channel, &event, data)
                };
                if printer.print(&line)? == Printed::Last {
                    break;
                }
            }
            ServerFrame::Ping | ServerFrame::Other => {}
        }
    }
    client.close();
    Ok(())
}

/// Standard output, and how much of it is wanted.
struct Printer {
    as_json: bool,
    /// `None`: no end.
    lines_left: Option<u64>,
}

#[derive(Debug, PartialEq, Eq)]
enum Printed {
    /// More is wanted.
    More,
    /// That was the last line anybody wants.
    Last,
}

impl Printer {
    /// Prints the line at once: somebody may be watching, or a pipe be waiting.
    fn print(&mut self, line: &str) -> Result<Printed, Failure> {
        let mut stdout = io::stdout().lock();
        match writeln!(stdout, "{line}").and_then(|()| stdout.flush()) {
            Ok(()) => {}
            // `shardcast subscribe demo | head -1`: the reader has what it wanted.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(Printed::Last),
            Err(error) => {
                let message = format!("cannot write to standard output: {error}");
                return Err(Failure::world(message));
            }
        }
        if let Some(left) = &mut self.lines_left {
            *left = left.saturating_sub(1);
        }
        match self.lines_left {
            Some(0) => Ok(Printed::Last),
            _ => Ok(Printed::More),
        }
    }
}

fn refused(channel: &str, reason: &str) -> Failure {
    let hint = match reason {
        "unauthorized" => format!(
            "; start the server with --allow-subscribe {}",
            ShellQuoted(channel)
        ),
        _ => String::new(),
    };
    Failure::world(format!(
        "subscribing to {channel:?} refused: {reason}{hint}"
    ))
}

/// Channel, event and data, parted by blanks.
fn human_line(channel: &str, event: &str, data: Option<&str>) -> String {
    let mut line = format!("{} {}", name(channel), name(event));
    if let Some(data) = data {
        line.push(' ');
        line.push_str(&json_line(data));
    }
    line
}

/// A name that could be mistaken for two words, or for a command to the terminal, is quoted.
fn name(name: &str) -> String {
    let is_plain = |c: char| !c.is_whitespace() && !c.is_control() && c != '"';
    if !name.is_empty() && name.chars().all(is_plain) {
        name.to_owned()
    } else {
        json_line(&frames::quoted(name))
    }
}

/// JSON text as one line that is safe to show.
///
/// What a publisher wrote comes unchanged, so it may hold line breaks between values, and inside of
/// texts control characters that JSON allows and terminals obey (U+007F to U+009F).
fn json_line(json: &str) -> String {
    let mut line = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            // JSON allows these three only between values, where a blank does as well.
            '\n' | '\r' | '\t' => line.push(' '),
            c if c.is_control() => line.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => line.push(c),
        }
    }
    line
}

/// Makes Ctrl-C end the process with 0: it is the ordinary way to stop listening.
///
/// A thread of its own waits for it, because the main one is blocked in a read.
fn end_on_interrupt() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut interrupts = {
        let _entered = runtime.enter();
        signal(SignalKind::interrupt())?
    };
    thread::spawn(move || {
        runtime.block_on(interrupts.recv());
        process::exit(0);
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn human_line_is_channel_event_data() {
        assert_eq!(
            human_line("demo", "hello", Some(r#"{"x":1}"#)),
            r#"demo hello {"x":1}"#
        );
        assert_eq!(human_line("demo", "hello", None), "demo hello");
    }

    #[test]
    fn line_never_breaks_and_never_commands_the_terminal() {
        let line = human_line(
            "a b",
            "\u{1b}[2J",
            Some("{\n \"x\":\t\"\u{9b}2J\u{7f}\"\r\n}"),
        );
        assert_eq!(line, r#""a b" "\u001b[2J" {  "x": "\u009b2J\u007f"  }"#);
        assert!(!line.chars().any(char::is_control));
    }

    #[test]
    fn count_ends_after_so_many_lines() {
        let mut printer = Printer {
            as_json: false,
            lines_left: Some(2),
        };
        assert_eq!(printer.print("").unwrap(), Printed::More);
        assert_eq!(printer.print("").unwrap(), Printed::Last);
    }

    #[test]
    fn refusal_tells_the_flag_that_would_allow_it() {
        assert_eq!(
            refused("private-x", "unauthorized").message(),
            "subscribing to \"private-x\" refused: unauthorized; \
             start the server with --allow-subscribe private-x"
        );
    }
}

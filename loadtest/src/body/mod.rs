//! The body of a publication: JSON that says where it comes from and proves itself, byte by byte.
//!
//! Either a string, the stamp and padding:
//!
//! ```text
//! "rrrrrrrr-pppppppp-nnnnnnnnnnnnnnnn-tttttttttttttttt-ssssssss<padding>"
//! ```
//!
//! where the padding is cut from a known text at a place that depends on the number, so a byte that moved, changed
//! or came from another publication is noticed. Or an object, all of which but the stamp depends on the number.

mod event;
mod stamp;

use clap::ValueEnum;

use self::stamp::{NUMBER_END_AT, STAMP_BYTES};

pub(crate) use self::stamp::Stamp;

const PAD_TEXT: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.";

/// What bodies look like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Text {
    /// A string of padding, which costs the harness least
    #[default]
    Padding,
    /// An object with names, numbers and prose, which shrinks as much as real ones when it is compressed
    Json,
}

impl Text {
    /// The smallest body, quotes or braces included.
    pub(crate) fn bytes_min(self) -> usize {
        match self {
            Self::Padding => STAMP_BYTES + 2,
            Self::Json => event::EVENT_BYTES_MIN,
        }
    }

    /// As it is written on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Padding => "padding",
            Self::Json => "json",
        }
    }

    /// Where the stamp begins.
    fn stamp_at(self) -> usize {
        match self {
            Self::Padding => 1,
            Self::Json => event::STAMP_AT,
        }
    }
}

/// Why a body is not one of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyFault {
    /// Whole, but from another run.
    OtherRun,
    /// Not as any run writes it.
    Corrupted,
}

/// Writes and reads the bodies of one run.
#[derive(Clone, Debug)]
pub(crate) struct BodyFormat {
    run: u32,
    text: Text,
    bytes: usize,
    /// The pad text repeated so often that every cut lies in it.
    pad: Vec<u8>,
}

impl BodyFormat {
    /// Bodies of run `run` that are `bytes` long, quotes or braces included.
    pub(crate) fn new(run: u32, text: Text, bytes: usize) -> Self {
        let pad = PAD_TEXT.iter().cycle();
        Self {
            run,
            text,
            bytes,
            pad: pad.take(bytes + PAD_TEXT.len()).copied().collect(),
        }
    }

    /// Bytes of every body.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Appends a body.
    pub(crate) fn write(&self, stamp: &Stamp, out: &mut Vec<u8>) {
        match self.text {
            Text::Padding => {
                out.push(b'"');
                stamp.write(self.run, out);
                out.extend_from_slice(self.padding(stamp.number));
                out.push(b'"');
            }
            Text::Json => event::write(self.run, stamp, self.bytes, out),
        }
    }

    /// Reads a body, and checks every byte of it.
    ///
    /// # Errors
    ///
    /// [`BodyFault`], when it is not one of this run's.
    pub(crate) fn read(&self, body: &[u8]) -> Result<Stamp, BodyFault> {
        let text = body
            .get(self.text.stamp_at()..)
            .ok_or(BodyFault::Corrupted)?;
        let (run, stamp) = Stamp::read(text).ok_or(BodyFault::Corrupted)?;
        if run != self.run {
            return Err(BodyFault::OtherRun);
        }
        let is_right = match self.text {
            Text::Padding => {
                let padding = text[STAMP_BYTES..].strip_suffix(b"\"");
                body[0] == b'"' && padding == Some(self.padding(stamp.number))
            }
            Text::Json => {
                let mut expected = Vec::with_capacity(self.bytes);
                event::write(self.run, &stamp, self.bytes, &mut expected);
                body == expected
            }
        };
        is_right.then_some(stamp).ok_or(BodyFault::Corrupted)
    }

    fn padding(&self, number: u64) -> &[u8] {
        let from = (number % PAD_TEXT.len() as u64) as usize;
        &self.pad[from..from + self.bytes - self.text.bytes_min()]
    }
}

/// Bodies read a moment ago. All subscribers of a topic get the same bytes, and bytes equal to some that were
/// checked need no second check: in bursts that check was an eighth of a client thread's time.
#[derive(Debug)]
pub(crate) struct RecentBodies {
    format: BodyFormat,
    stamps: [Option<Stamp>; Self::SLOTS],
    texts: Vec<u8>,
}

impl RecentBodies {
    /// A few bursts' worth: publications that are in flight at the same time.
    const SLOTS: usize = 64;

    /// None yet.
    pub(crate) fn new(format: BodyFormat) -> Self {
        Self {
            texts: vec![0; Self::SLOTS * format.bytes()],
            stamps: [None; Self::SLOTS],
            format,
        }
    }

    /// Reads a body as [`BodyFormat::read`] does.
    ///
    /// # Errors
    ///
    /// The same.
    // Always, as `Quick::body`.
    #[inline(always)]
    pub(crate) fn read(&mut self, body: &[u8]) -> Result<Stamp, BodyFault> {
        let bytes = self.format.bytes();
        if body.len() != bytes {
            return self.format.read(body);
        }
        // Numbers that follow each other have slots that do: by the last two of the number's digits.
        let [high, low] = NUMBER_END_AT.map(|at| {
            let byte = body[self.format.text.stamp_at() + at];
            (byte & 15) + 9 * (byte >> 6 & 1)
        });
        let slot = usize::from(low | high << 4) % Self::SLOTS;
        let kept = &mut self.texts[slot * bytes..(slot + 1) * bytes];
        if let Some(stamp) = self.stamps[slot]
            && kept == body
        {
            return Ok(stamp);
        }
        let stamp = self.format.read(body)?;
        kept.copy_from_slice(body);
        self.stamps[slot] = Some(stamp);
        Ok(stamp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: Stamp = Stamp {
        publisher: 7,
        number: 1_000,
        planned_ns: 123_456_789,
    };

    const TEXTS: [Text; 2] = [Text::Padding, Text::Json];

    fn written(format: &BodyFormat) -> Vec<u8> {
        let mut text = Vec::new();
        format.write(&STAMP, &mut text);
        text
    }

    #[test]
    fn a_body_reads_as_it_was_written_and_has_the_asked_size() {
        for text in TEXTS {
            for bytes in [text.bytes_min(), text.bytes_min() + 1, 512, 1_000] {
                let format = BodyFormat::new(42, text, bytes);
                let body = written(&format);
                assert_eq!(body.len(), bytes);
                assert_eq!(format.read(&body), Ok(STAMP));
            }
        }
    }

    #[test]
    fn any_changed_byte_is_noticed() {
        for text in TEXTS {
            let format = BodyFormat::new(42, text, 400);
            let body = written(&format);
            for at in 0..body.len() {
                for flip in [1, 0x20, 0x80] {
                    let mut changed = body.clone();
                    changed[at] ^= flip;
                    let read = format.read(&changed);
                    assert!(read.is_err(), "{text:?}: byte {at} flipped by {flip}");
                }
            }
        }
    }

    #[test]
    fn what_was_read_before_hides_no_change() {
        for text in TEXTS {
            let format = BodyFormat::new(42, text, 400);
            let mut recent = RecentBodies::new(format.clone());
            for number in 0..1_000 {
                let stamp = Stamp { number, ..STAMP };
                let mut body = Vec::new();
                format.write(&stamp, &mut body);
                assert_eq!(recent.read(&body), Ok(stamp));
                assert_eq!(recent.read(&body), Ok(stamp));
                let at = number as usize % body.len();
                body[at] ^= 1;
                assert!(recent.read(&body).is_err(), "byte {at} of {number}");
                assert!(recent.read(&body[1..]).is_err());
            }
        }
    }

    #[test]
    fn a_body_cut_or_lengthened_is_corrupted() {
        for text in TEXTS {
            let format = BodyFormat::new(42, text, 400);
            let mut body = written(&format);
            for end in 0..body.len() {
                assert_eq!(format.read(&body[..end]), Err(BodyFault::Corrupted));
            }
            body.push(b'A');
            assert_eq!(format.read(&body), Err(BodyFault::Corrupted));
        }
    }

    #[test]
    fn the_body_of_another_run_is_told_apart() {
        for text in TEXTS {
            let body = written(&BodyFormat::new(41, text, 500));
            let read = BodyFormat::new(42, text, 400).read(&body);
            assert_eq!(read, Err(BodyFault::OtherRun));
        }
    }
}

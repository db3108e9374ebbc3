//! The body of a publication: a JSON string that says where it comes from and proves itself.
//!
//! ```text
//! "rrrrrrrr-pppppppp-nnnnnnnnnnnnnnnn-tttttttttttttttt-ssssssss<padding>"
//!  run      publisher number           planned ns       sum
//! ```
//!
//! All numbers are lower-case hexadecimal. The sum covers the fields before it. The padding is cut from
//! a known text at a place that depends on the number, so a byte that moved, changed or came from
//! another publication is noticed.

const PAD_TEXT: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.";

/// Where each field begins; the fields are 8, 8, 16, 16 and 8 digits.
const RUN_AT: usize = 0;
const PUBLISHER_AT: usize = 9;
const NUMBER_AT: usize = 18;
const PLANNED_AT: usize = 35;
const SUM_AT: usize = 52;
const STAMP_BYTES: usize = 60;
const DASHES_AT: [usize; 4] = [PUBLISHER_AT - 1, NUMBER_AT - 1, PLANNED_AT - 1, SUM_AT - 1];

/// The smallest payload, its two quotes included.
pub(crate) const PAYLOAD_BYTES_MIN: usize = STAMP_BYTES + 2;

/// What a body says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Who published it.
    pub(crate) publisher: u32,
    /// Its number among the publisher's publications.
    pub(crate) number: u64,
    /// When it was planned to be sent, in nanoseconds of the run's clock.
    pub(crate) planned_ns: u64,
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
    padding_bytes: usize,
    /// The pad text repeated so often that every cut lies in it.
    pad: Vec<u8>,
}

impl BodyFormat {
    /// Bodies of run `run` that are `payload_bytes` long, quotes included.
    pub(crate) fn new(run: u32, payload_bytes: usize) -> Self {
        let padding_bytes = payload_bytes.saturating_sub(PAYLOAD_BYTES_MIN);
        let pad = PAD_TEXT.iter().cycle();
        Self {
            run,
            padding_bytes,
            pad: pad.take(padding_bytes + PAD_TEXT.len()).copied().collect(),
        }
    }

    /// The bytes between the quotes.
    pub(crate) fn text_bytes(&self) -> usize {
        STAMP_BYTES + self.padding_bytes
    }

    /// Appends a body without its quotes.
    pub(crate) fn write(&self, stamp: &Stamp, out: &mut Vec<u8>) {
        put_hex::<8>(self.run.into(), out);
        out.push(b'-');
        put_hex::<8>(stamp.publisher.into(), out);
        out.push(b'-');
        put_hex::<16>(stamp.number, out);
        out.push(b'-');
        put_hex::<16>(stamp.planned_ns, out);
        out.push(b'-');
        put_hex::<8>(sum(self.run, stamp).into(), out);
        out.extend_from_slice(self.padding(stamp.number));
    }

    /// Reads a body without its quotes, and checks every byte of it.
    ///
    /// # Errors
    ///
    /// [`BodyFault`], when it is not one of this run's.
    pub(crate) fn read(&self, text: &[u8]) -> Result<Stamp, BodyFault> {
        let head = text.get(..STAMP_BYTES).ok_or(BodyFault::Corrupted)?;
        let field = |at, digits| hex(&head[at..at + digits]).ok_or(BodyFault::Corrupted);
        let run = field(RUN_AT, 8)? as u32;
        let stamp = Stamp {
            publisher: field(PUBLISHER_AT, 8)? as u32,
            number: field(NUMBER_AT, 16)?,
            planned_ns: field(PLANNED_AT, 16)?,
        };
        let dashes = DASHES_AT.iter().all(|at| head[*at] == b'-');
        if !dashes || field(SUM_AT, 8)? as u32 != sum(run, &stamp) {
            return Err(BodyFault::Corrupted);
        }
        if run != self.run {
            return Err(BodyFault::OtherRun);
        }
        if text[STAMP_BYTES..] != *self.padding(stamp.number) {
            return Err(BodyFault::Corrupted);
        }
        Ok(stamp)
    }

    fn padding(&self, number: u64) -> &[u8] {
        let from = (number % PAD_TEXT.len() as u64) as usize;
        &self.pad[from..from + self.padding_bytes]
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
            texts: vec![0; Self::SLOTS * format.text_bytes()],
            stamps: [None; Self::SLOTS],
            format,
        }
    }

    /// Reads a body as [`BodyFormat::read`] does.
    ///
    /// # Errors
    ///
    /// The same.
    #[inline]
    pub(crate) fn read(&mut self, text: &[u8]) -> Result<Stamp, BodyFault> {
        let bytes = self.format.text_bytes();
        if text.len() != bytes {
            return self.format.read(text);
        }
        // Numbers that follow each other have slots that do: by the last two of the number's digits.
        let digit = |at: usize| (text[at] & 15) + 9 * (text[at] >> 6 & 1);
        let slot = usize::from(digit(PLANNED_AT - 2) | digit(PLANNED_AT - 3) << 4) % Self::SLOTS;
        let kept = &mut self.texts[slot * bytes..(slot + 1) * bytes];
        if let Some(stamp) = self.stamps[slot]
            && kept == text
        {
            return Ok(stamp);
        }
        let stamp = self.format.read(text)?;
        kept.copy_from_slice(text);
        self.stamps[slot] = Some(stamp);
        Ok(stamp)
    }
}

fn sum(run: u32, stamp: &Stamp) -> u32 {
    // A multiplication and a fold for each field: every bit of every field reaches the result.
    let mut sum = u64::from(run) << 32 | u64::from(stamp.publisher);
    for field in [stamp.number, stamp.planned_ns] {
        sum = (sum ^ field).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        sum ^= sum >> 29;
    }
    (sum ^ sum >> 32) as u32
}

fn put_hex<const DIGITS: usize>(value: u64, out: &mut Vec<u8>) {
    let digits: [u8; DIGITS] = std::array::from_fn(|index| {
        b"0123456789abcdef"[(value >> (4 * (DIGITS - 1 - index))) as usize & 15]
    });
    out.extend_from_slice(&digits);
}

const NO_DIGIT: u8 = 0xff;

const DIGIT_VALUES: [u8; 256] = {
    let mut values = [NO_DIGIT; 256];
    let mut digit = 0;
    while digit < 16 {
        values[b"0123456789abcdef"[digit] as usize] = digit as u8;
        digit += 1;
    }
    values
};

fn hex(digits: &[u8]) -> Option<u64> {
    let (mut value, mut seen) = (0, 0);
    for digit in digits {
        let digit = DIGIT_VALUES[usize::from(*digit)];
        seen |= digit;
        value = value << 4 | u64::from(digit & 15);
    }
    (seen < 16).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: Stamp = Stamp {
        publisher: 7,
        number: 1_000,
        planned_ns: 123_456_789,
    };

    fn written(format: &BodyFormat) -> Vec<u8> {
        let mut text = Vec::new();
        format.write(&STAMP, &mut text);
        text
    }

    #[test]
    fn a_body_reads_as_it_was_written_and_has_the_asked_size() {
        for payload_bytes in [PAYLOAD_BYTES_MIN, 63, 128, 1_000] {
            let format = BodyFormat::new(42, payload_bytes);
            let text = written(&format);
            assert_eq!(text.len() + 2, payload_bytes);
            assert_eq!(text.len(), format.text_bytes());
            assert_eq!(format.read(&text), Ok(STAMP));
        }
    }

    #[test]
    fn any_changed_byte_is_noticed() {
        let format = BodyFormat::new(42, 128);
        let text = written(&format);
        for at in 0..text.len() {
            for flip in [1, 0x20, 0x80] {
                let mut changed = text.clone();
                changed[at] ^= flip;
                assert!(
                    format.read(&changed).is_err(),
                    "byte {at} flipped by {flip}"
                );
            }
        }
    }

    #[test]
    fn what_was_read_before_hides_no_change() {
        let format = BodyFormat::new(42, 128);
        let mut recent = RecentBodies::new(format.clone());
        for number in 0..1_000 {
            let stamp = Stamp { number, ..STAMP };
            let mut text = Vec::new();
            format.write(&stamp, &mut text);
            assert_eq!(recent.read(&text), Ok(stamp));
            assert_eq!(recent.read(&text), Ok(stamp));
            let at = number as usize % text.len();
            text[at] ^= 1;
            assert!(recent.read(&text).is_err(), "byte {at} of {number}");
            assert!(recent.read(&text[1..]).is_err());
        }
    }

    #[test]
    fn a_body_cut_or_lengthened_is_corrupted() {
        let format = BodyFormat::new(42, 128);
        let mut text = written(&format);
        for end in 0..text.len() {
            assert_eq!(format.read(&text[..end]), Err(BodyFault::Corrupted));
        }
        text.push(b'A');
        assert_eq!(format.read(&text), Err(BodyFault::Corrupted));
    }

    #[test]
    fn the_body_of_another_run_is_told_apart() {
        let text = written(&BodyFormat::new(41, 200));
        assert_eq!(
            BodyFormat::new(42, 128).read(&text),
            Err(BodyFault::OtherRun)
        );
    }
}

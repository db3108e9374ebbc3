//! What a body says of itself, and proves.
//!
//! ```text
//! rrrrrrrr-pppppppp-nnnnnnnnnnnnnnnn-tttttttttttttttt-ssssssss
//! run      publisher number           planned ns       sum
//! ```
//!
//! All numbers are lower-case hexadecimal. The sum covers the fields before it.

/// Where each field begins; the fields are 8, 8, 16, 16 and 8 digits.
const RUN_AT: usize = 0;
const PUBLISHER_AT: usize = 9;
const NUMBER_AT: usize = 18;
const PLANNED_AT: usize = 35;
const SUM_AT: usize = 52;
const DASHES_AT: [usize; 4] = [PUBLISHER_AT - 1, NUMBER_AT - 1, PLANNED_AT - 1, SUM_AT - 1];

/// Where the last two digits of the number are.
pub(super) const NUMBER_END_AT: [usize; 2] = [PLANNED_AT - 3, PLANNED_AT - 2];

/// Bytes of a stamp.
pub(super) const STAMP_BYTES: usize = 60;

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

impl Stamp {
    /// Appends it as a publication of run `run`.
    pub(super) fn write(&self, run: u32, out: &mut Vec<u8>) {
        put_hex::<8>(run.into(), out);
        out.push(b'-');
        put_hex::<8>(self.publisher.into(), out);
        out.push(b'-');
        put_hex::<16>(self.number, out);
        out.push(b'-');
        put_hex::<16>(self.planned_ns, out);
        out.push(b'-');
        put_hex::<8>(self.sum(run).into(), out);
    }

    /// Reads one, and the run it is of; `None` if it is not as any run writes it.
    pub(super) fn read(text: &[u8]) -> Option<(u32, Self)> {
        let text = text.get(..STAMP_BYTES)?;
        let field = |at, digits| hex(&text[at..at + digits]);
        let run = field(RUN_AT, 8)? as u32;
        let stamp = Self {
            publisher: field(PUBLISHER_AT, 8)? as u32,
            number: field(NUMBER_AT, 16)?,
            planned_ns: field(PLANNED_AT, 16)?,
        };
        let dashes = DASHES_AT.iter().all(|at| text[*at] == b'-');
        (dashes && field(SUM_AT, 8)? as u32 == stamp.sum(run)).then_some((run, stamp))
    }

    fn sum(&self, run: u32) -> u32 {
        // A multiplication and a fold for each field: every bit of every field reaches the result.
        let mut sum = u64::from(run) << 32 | u64::from(self.publisher);
        for field in [self.number, self.planned_ns] {
            sum = (sum ^ field).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            sum ^= sum >> 29;
        }
        (sum ^ sum >> 32) as u32
    }
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

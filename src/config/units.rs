//! Sizes and times as people write them.

use std::time::Duration;

/// Reads a number of bytes: `65536`, `64KiB` (1024 each), `64KB` (1000 each), `1.5MiB`.
///
/// `None` if the text is no size. The sign is the caller's business: no size has one.
#[must_use]
pub fn parse_bytes(text: &str) -> Option<u64> {
    text.parse::<bytesize::ByteSize>()
        .ok()
        .map(|size| size.as_u64())
}

/// Writes a number of bytes with the largest unit that leaves no fraction: `64KiB`, `1000`.
#[must_use]
pub fn format_bytes(bytes: u64) -> String {
    for (unit, shift) in [("GiB", 30), ("MiB", 20), ("KiB", 10)] {
        if bytes > 0 && bytes.trailing_zeros() >= shift {
            return format!("{}{unit}", bytes >> shift);
        }
    }
    bytes.to_string()
}

/// Reads a time: `30s`, `500ms`, `2m`, `1h 30m`, `0`.
///
/// `None` if the text is no time: a number other than 0 needs its unit, because half of all readers
/// would take a bare 30 for seconds and the other half for milliseconds.
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    humantime::parse_duration(text).ok()
}

/// Writes a time with its units: `1m 30s`; `0` has none.
#[must_use]
pub fn format_duration(duration: Duration) -> String {
    if duration.is_zero() {
        "0".to_owned()
    } else {
        humantime::format_duration(duration).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_with_binary_and_decimal_units() {
        for (text, bytes) in [
            ("0", 0),
            ("65536", 65_536),
            ("64KiB", 65_536),
            ("64kib", 65_536),
            ("64KB", 64_000),
            ("1MB", 1_000_000),
            ("1MiB", 1 << 20),
            ("1.5MiB", 3 << 19),
            ("2 GiB", 2 << 30),
        ] {
            assert_eq!(parse_bytes(text), Some(bytes), "{text}");
        }
        for text in ["", "64Q", "KiB", "-1", "1e3", "0x10", "64 KiB!"] {
            assert_eq!(parse_bytes(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_are_written_so_that_they_read_back() {
        for bytes in [0, 1, 1_000, 1_024, 65_536, 65_537, 1 << 20, 3 << 30] {
            assert_eq!(parse_bytes(&format_bytes(bytes)), Some(bytes));
        }
        assert_eq!(format_bytes(65_536), "64KiB");
        assert_eq!(format_bytes(1_000), "1000");
    }

    #[test]
    fn times_need_a_unit_unless_zero() {
        for (text, ms) in [
            ("0", 0),
            ("0s", 0),
            ("500ms", 500),
            ("30s", 30_000),
            ("2m", 120_000),
            ("1h 30m", 5_400_000),
        ] {
            assert_eq!(
                parse_duration(text),
                Some(Duration::from_millis(ms)),
                "{text}"
            );
        }
        for text in ["", "30", "-5s", "5 parsecs", "s"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }

    #[test]
    fn times_are_written_so_that_they_read_back() {
        for ms in [0, 1, 500, 30_000, 90_000, 86_400_000] {
            let duration = Duration::from_millis(ms);
            assert_eq!(parse_duration(&format_duration(duration)), Some(duration));
        }
        assert_eq!(format_duration(Duration::from_secs(90)), "1m 30s");
    }
}

//! Lists of cpus as the kernel writes them: `0,2-3`.

/// The highest cpu number a list may name; the kernel's own affinity masks end here.
const CPU_MAX: usize = 1_023;

/// The most entries of a list: far above any sensible one, so that a slip such as `0-1023,0-1023,…`
/// stays small.
const ENTRIES_MAX: usize = 4_096;

/// Reads a list of cpus: numbers and ranges, both ends included, in the order written.
///
/// A cpu may occur more than once: two shards on one core are a fair thing to measure.
/// `None` if the text is no such list.
#[must_use]
pub fn parse(text: &str) -> Option<Vec<usize>> {
    let mut cpus = Vec::new();
    for entry in text.split(',') {
        let (first, last) = match entry.split_once('-') {
            Some((first, last)) => (number(first)?, number(last)?),
            None => (number(entry)?, number(entry)?),
        };
        if first > last {
            return None;
        }
        cpus.extend(first..=last);
        if cpus.len() > ENTRIES_MAX {
            return None;
        }
    }
    Some(cpus)
}

/// Writes cpus in their order, neighbours as ranges: `0-3,8`.
#[must_use]
pub fn format(cpus: &[usize]) -> String {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for &cpu in cpus {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == cpu => *last = cpu,
            _ => ranges.push((cpu, cpu)),
        }
    }
    let texts: Vec<String> = ranges
        .into_iter()
        .map(|(first, last)| {
            if first == last {
                first.to_string()
            } else {
                format!("{first}-{last}")
            }
        })
        .collect();
    texts.join(",")
}

fn number(text: &str) -> Option<usize> {
    // `parse` alone would take a leading plus.
    let text = text.trim();
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|cpu| *cpu <= CPU_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_keeps_its_order_and_repetitions() {
        assert_eq!(parse("0,2-3"), Some(vec![0, 2, 3]));
        assert_eq!(parse("3, 1"), Some(vec![3, 1]));
        assert_eq!(parse("0,0"), Some(vec![0, 0]));
        assert_eq!(parse("5-5"), Some(vec![5]));
    }

    #[test]
    fn what_is_no_list_is_refused() {
        for text in [
            "",
            ",",
            "0,",
            "a",
            "-1",
            "1-",
            "3-1",
            "+1",
            "1-2-3",
            "0x1",
            "1024",
            "0-9999999999",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
        assert_eq!(parse(&"0-1023,".repeat(100)), None);
    }

    #[test]
    fn written_list_reads_back() {
        for text in ["0", "0-3", "0-1,4,6-7", "0,0", "3,1"] {
            assert_eq!(format(&parse(text).unwrap()), text);
        }
        assert_eq!(format(&[]), "");
    }
}

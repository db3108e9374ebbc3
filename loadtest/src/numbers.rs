//! Numbers for people: what stands for several, and how one is written.

/// The middle one, or the mean of the two in the middle; `None` of none.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    Some(f64::midpoint(sorted[last / 2], sorted[last.div_ceil(2)]))
}

/// With so many digits after the point, and a comma before each three that stand before it.
pub(crate) fn grouped(value: f64, digits: usize) -> String {
    let text = format!("{:.digits$}", value.abs());
    let (whole, part) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let sign = if value < 0.0 { "-" } else { "" };
    format!("{sign}{grouped}{part}")
}

/// With as many digits as tell something.
pub(crate) fn rounded(value: f64) -> String {
    let digits = match value.abs() {
        _ if value.fract() == 0.0 => 0,
        size if size >= 100.0 => 0,
        size if size >= 0.1 => 2,
        _ => 4,
    };
    grouped(value, digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[9.0, 1.0, 5.0]), Some(5.0));
        assert_eq!(median(&[4.0, 1.0, 9.0, 2.0]), Some(3.0));
    }

    #[test]
    fn thousands_are_set_apart() {
        for (value, text) in [
            (0.0, "0"),
            (999.4, "999"),
            (1_000.0, "1,000"),
            (-123_456.0, "-123,456"),
            (5_291_007.2, "5,291,007"),
        ] {
            assert_eq!(grouped(value, 0), text);
        }
        assert_eq!(grouped(1_234.567, 2), "1,234.57");
    }

    #[test]
    fn small_numbers_keep_more_digits() {
        assert_eq!(rounded(3_865.4), "3,865");
        assert_eq!(rounded(42.0), "42");
        assert_eq!(rounded(4.256), "4.26");
        assert_eq!(rounded(0.012_34), "0.0123");
    }
}

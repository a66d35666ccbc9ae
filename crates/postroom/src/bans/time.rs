//! How long a ban lasts, as it is typed.

use std::num::NonZeroU32;

/// Seconds of a unit.
const UNITS: [(&str, u32); 5] =
    [("s", 1), ("m", 60), ("h", 60 * 60), ("d", 24 * 60 * 60), ("w", 7 * 24 * 60 * 60)];

/// Reads a time such as `30m`, in seconds: at least one, and at most 136 years.
pub(super) fn parse(words: &str) -> Result<NonZeroU32, String> {
    let seconds = UNITS.into_iter().find_map(|(unit, seconds)| {
        let number: u32 = words.strip_suffix(unit)?.parse().ok()?;
        NonZeroU32::new(number.checked_mul(seconds)?)
    });
    seconds.ok_or_else(|| {
        "a time is a whole number from 1 on with s, m, h, d or w, such as 30m, 12h or 7d, and at \
         most 49710d; without one a ban has no end"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_number_with_a_unit() {
        for (words, seconds) in [
            ("1s", Some(1)),
            ("90s", Some(90)),
            ("30m", Some(1_800)),
            ("12h", Some(43_200)),
            ("7d", Some(604_800)),
            ("2w", Some(1_209_600)),
            ("49710d", Some(4_294_944_000)),
            ("49711d", None),
            ("", None),
            ("7", None),
            ("d", None),
            ("0d", None),
            ("-1d", None),
            ("1.5h", None),
            ("1 h", None),
            ("1D", None),
            ("1y", None),
        ] {
            assert_eq!(parse(words).ok().map(NonZeroU32::get), seconds, "{words}");
        }
    }
}

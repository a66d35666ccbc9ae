//! The time of day.

use std::fmt;
use std::time::Duration;

use time::OffsetDateTime;

/// Milliseconds since 1970-01-01 00:00 UTC.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// The time after so long; the last that stores can keep, if it is later than that.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        const LAST: u64 = i64::MAX as u64;
        let millis = u64::try_from(duration.as_millis()).unwrap_or(LAST);
        Self(self.0.saturating_add(millis).min(LAST))
    }
}

/// In UTC, as RFC 3339 has it, without parts of a second: `2026-01-02T03:04:05Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// The last second that has four digits for its year.
        const LAST: i64 = 253_402_300_799;
        let seconds = i64::try_from(self.0 / 1_000).unwrap_or(LAST).min(LAST);
        let time = OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| fmt::Error)?;
        let (year, month, day) = time.to_calendar_date();
        let (hour, minute, second) = time.to_hms();
        let month = u8::from(month);
        write!(formatter, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_shown_in_utc() {
        for (time, shown) in [
            (0, "1970-01-01T00:00:00Z"),
            (1_767_323_045_999, "2026-01-02T03:04:05Z"),
            (951_782_400_000, "2000-02-29T00:00:00Z"),
            (u64::MAX, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(Timestamp(time).to_string(), shown);
        }
    }

    #[test]
    fn no_time_is_later_than_a_store_can_keep() {
        let (first, most) = (Timestamp(5), Timestamp(i64::MAX as u64));
        assert_eq!(first.after(Duration::from_secs(2)), Timestamp(2_005));
        assert_eq!(first.after(Duration::MAX), most);
        assert_eq!(Timestamp(u64::MAX).after(Duration::ZERO), most);
    }
}

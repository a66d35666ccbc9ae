//! Points in time, as RFC 3339 writes them.

use std::fmt;

use postroom_store::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

/// A point in time, of the years 1970 to 9999: `2026-01-02T03:04:05.678Z` in JSON.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Time(Timestamp);

/// The last millisecond of the year 9999.
const LAST_MS: u64 = 253_402_300_799_999;

/// A time beyond the year 9999 is its end.
impl From<Timestamp> for Time {
    fn from(Timestamp(ms): Timestamp) -> Self {
        Self(Timestamp(ms.min(LAST_MS)))
    }
}

impl From<Time> for Timestamp {
    fn from(Time(time): Time) -> Self {
        time
    }
}

impl fmt::Display for Time {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(Timestamp(ms)) = self;
        let since = Duration::milliseconds(i64::try_from(*ms).unwrap_or(i64::MAX));
        let time = OffsetDateTime::UNIX_EPOCH.checked_add(since).ok_or(fmt::Error)?;
        formatter.write_str(&time.format(&Rfc3339).map_err(|_| fmt::Error)?)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        let time = OffsetDateTime::parse(&word, &Rfc3339).ok();
        let ms = time.map(|time| (time - OffsetDateTime::UNIX_EPOCH).whole_milliseconds());
        let ms = ms.and_then(|ms| u64::try_from(ms).ok()).filter(|ms| *ms <= LAST_MS);
        ms.map(|ms| Self(Timestamp(ms)))
            .ok_or_else(|| de::Error::custom("a time must be as in RFC 3339, since 1970"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_and_read_as_rfc_3339_says() {
        for (ms, written) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400_007, "2000-02-29T00:00:00.007Z"),
            (LAST_MS, "9999-12-31T23:59:59.999Z"),
        ] {
            let time = Time::from(Timestamp(ms));
            assert_eq!(serde_json::to_string(&time).unwrap(), format!("\"{written}\""));
            let read: Time = serde_json::from_str(&format!("\"{written}\"")).unwrap();
            assert_eq!(read, time);
        }
        assert_eq!(Time::from(Timestamp(u64::MAX)), Time::from(Timestamp(LAST_MS)));
        let other: Time = serde_json::from_str("\"1970-01-01T01:00:01.5+01:00\"").unwrap();
        assert_eq!(Timestamp::from(other), Timestamp(1_500));
        for wrong in ["1969-12-31T23:59:59Z", "now", "2000-02-30T00:00:00Z", "2000-01-01"] {
            assert!(serde_json::from_str::<Time>(&format!("\"{wrong}\"")).is_err(), "{wrong}");
        }
    }
}

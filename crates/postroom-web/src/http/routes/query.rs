//! What comes in the path and in the query of a request.

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use postroom_model::Timestamp;
use postroom_store::{HISTORY_ENTRIES_MAX, HistoryFrom};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, de};

use super::parse;
use crate::api::Time;
use crate::http::problem::{MALFORMED, Problem, VALUE};

/// The parameters in the path of a request.
pub(super) struct Path<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let read = axum::extract::Path::from_request_parts(parts, state).await;
        read.map(|axum::extract::Path(path)| Self(path))
            .map_err(|rejection| Problem::new(&MALFORMED, rejection.body_text()))
    }
}

/// The query of a request.
pub(super) struct Query<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let read = axum::extract::Query::from_request_parts(parts, state).await;
        read.map(|axum::extract::Query(query)| Self(query))
            .map_err(|rejection| Problem::new(&VALUE, rejection.body_text()))
    }
}

/// Which part of a history a client wants.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PageArguments {
    before: Option<String>,
    from: Option<String>,
    after: Option<String>,
    since: Option<Time>,
    count: Option<usize>,
}

/// Where a page of a history begins.
#[derive(Debug, PartialEq)]
pub(super) enum Begins<Id> {
    /// There.
    At(HistoryFrom<Id>),
    /// With the first that was stored at a time or later.
    Since(Timestamp),
}

impl PageArguments {
    /// Where the page begins, and how many entries it has at most.
    pub(super) fn begins<Id>(self) -> Result<(Begins<Id>, usize), Problem>
    where
        Id: FromStr,
        Id::Err: Display,
    {
        let Self { before, from, after, since, count } = self;
        let begins = match (before, from, after, since) {
            (None, None, None, None) => Begins::At(HistoryFrom::Latest),
            (Some(before), None, None, None) => {
                Begins::At(HistoryFrom::Before(parse::value("before", &before)?))
            }
            (None, Some(from), None, None) => {
                Begins::At(HistoryFrom::At(parse::value("from", &from)?))
            }
            (None, None, Some(after), None) => {
                Begins::At(HistoryFrom::After(parse::value("after", &after)?))
            }
            (None, None, None, Some(since)) => Begins::Since(since.into()),
            _ => {
                let detail = "a page is before= an id, from= one, after= one, or since= a time: \
                              one of them";
                return Err(Problem::new(&VALUE, detail));
            }
        };
        let count = count.unwrap_or(HISTORY_ENTRIES_MAX);
        if !(1..=HISTORY_ENTRIES_MAX).contains(&count) {
            let detail = format!("count must be from 1 to {HISTORY_ENTRIES_MAX}");
            return Err(Problem::new(&VALUE, detail));
        }
        Ok((begins, count))
    }
}

/// The query of a page that begins there.
pub(super) fn query_of<Id: Display>(from: HistoryFrom<Id>) -> Option<String> {
    match from {
        HistoryFrom::Before(id) => Some(format!("before={id}")),
        HistoryFrom::After(id) => Some(format!("after={id}")),
        HistoryFrom::At(id) => Some(format!("from={id}")),
        HistoryFrom::Oldest | HistoryFrom::Latest => None,
    }
}

/// Where a stream begins.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StreamArguments {
    pub(super) after: Option<String>,
}

/// A time such as `30s`, `5m` or `1h`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Lasts(pub(super) Duration);

impl Lasts {
    fn parse(word: &str) -> Option<Self> {
        let (number, unit) = word.split_at_checked(word.len().checked_sub(1)?)?;
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 60 * 60,
            _ => return None,
        };
        let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
        let number: u64 = number.parse().ok().filter(|_| is_number)?;
        Some(Self(Duration::from_secs(number.checked_mul(seconds)?)))
    }

    /// The time, if it is within these limits.
    pub(super) fn within(
        self,
        name: &str,
        least: Duration,
        most: Duration,
    ) -> Result<Duration, Problem> {
        let Self(lasts) = self;
        if (least..=most).contains(&lasts) {
            return Ok(lasts);
        }
        let (least, most) = (least.as_secs(), most.as_secs());
        Err(Problem::new(&VALUE, format!("{name} must be from {least}s to {most}s")))
    }
}

impl<'de> Deserialize<'de> for Lasts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        Self::parse(&word).ok_or_else(|| de::Error::custom("a time must be as in 30s, 5m or 1h"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_number_and_a_unit() {
        for (word, seconds) in [("30s", 30), ("0s", 0), ("5m", 300), ("1h", 3_600)] {
            assert_eq!(Lasts::parse(word), Some(Lasts(Duration::from_secs(seconds))), "{word}");
        }
        let longest = format!("{}h", u64::MAX);
        for word in ["", "s", "30", "+3s", "-3s", "3 s", "3d", "1.5h", "3é", &longest] {
            assert_eq!(Lasts::parse(word), None, "{word}");
        }
    }
}

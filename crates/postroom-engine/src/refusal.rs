//! Why a connection is closed before it has a session.

/// The kinds of refusals, for counts.
pub(crate) const KINDS: [&str; 5] =
    ["too_many_connections", "connects_too_often", "not_a_proxy", "proxy_header", BANNED];

/// The kind of those whose address is banned.
pub(crate) const BANNED: &str = "banned";

/// Why a connection is closed before it has a session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Refusal {
    /// Its address has too many.
    TooManyOfAddress,
    /// Its /48 of IPv6 has too many.
    TooManyOfSite,
    /// Its address connects too often.
    TooOftenOfAddress,
    /// Its /48 of IPv6 connects too often.
    TooOftenOfSite,
    /// It is not a proxy's, and its listener is for proxies.
    NotAProxy,
    /// It has ended within the header of a proxy.
    HeaderCut,
    HeaderMalformed,
    HeaderTooLong,
    /// Too many wait for such headers.
    HeadersTooMany,
    HeaderLate,
}

impl Refusal {
    /// The reason, for the log.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::TooManyOfAddress => {
                "the address has too many connections (connection.per_address_max)"
            }
            Self::TooManyOfSite => "its /48 has too many connections (connection.per_address_max)",
            Self::TooOftenOfAddress => "the address connects too often (connection.new_per_minute)",
            Self::TooOftenOfSite => "its /48 connects too often (connection.new_per_minute)",
            Self::NotAProxy => "the address is no proxy's (connection.proxies)",
            Self::HeaderCut => "it ended before its PROXY header was whole",
            Self::HeaderMalformed => "its PROXY header is malformed",
            Self::HeaderTooLong => "its PROXY header is too long",
            Self::HeadersTooMany => "too many connections wait for their PROXY header",
            Self::HeaderLate => "its PROXY header did not come in time (connection.proxy_limit_ms)",
        }
    }

    /// Its kind, one of [`KINDS`].
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::TooManyOfAddress | Self::TooManyOfSite => "too_many_connections",
            Self::TooOftenOfAddress | Self::TooOftenOfSite => "connects_too_often",
            Self::NotAProxy => "not_a_proxy",
            Self::HeaderCut
            | Self::HeaderMalformed
            | Self::HeaderTooLong
            | Self::HeadersTooMany
            | Self::HeaderLate => "proxy_header",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_refusal_is_of_a_kind_that_is_counted_and_each_kind_is_one_of_a_refusal() {
        let all = [
            Refusal::TooManyOfAddress,
            Refusal::TooManyOfSite,
            Refusal::TooOftenOfAddress,
            Refusal::TooOftenOfSite,
            Refusal::NotAProxy,
            Refusal::HeaderCut,
            Refusal::HeaderMalformed,
            Refusal::HeaderTooLong,
            Refusal::HeadersTooMany,
            Refusal::HeaderLate,
        ];
        let kinds: BTreeSet<_> = all.into_iter().map(Refusal::kind).chain([BANNED]).collect();
        assert_eq!(kinds, BTreeSet::from(KINDS));
    }
}

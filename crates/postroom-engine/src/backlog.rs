//! What a session has not been told of its channels.

/// Whether there may be posts that a session was not told, and how it is going to be told.
///
/// | before    | added    | added while stuck | had no room | told some | told all  |
/// |-----------|----------|-------------------|-------------|-----------|-----------|
/// | `Nothing` | `Due`    | `Behind`          |             |           |           |
/// | `Due`     | `Due`    | `Behind`          | `Behind`    | `Due`     | `Nothing` |
/// | `Behind`  | `Behind` | `Behind`          | `Behind`    | `Behind`  | `Nothing` |
///
/// `Behind` never becomes `Due`: it lasts until the session was told everything.
///
/// The list of the sessions that catch up is apart from this. A session enters it while it
/// is `Behind`, but a reply may bring it up to date before its turn there comes, and then a
/// post may make it `Due`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Backlog {
    /// It was told everything.
    #[default]
    Nothing,
    /// It is listed in each of its channels that has posts for it, and is told in its turn.
    Due,
    /// Its connection had no room for the posts once, and it has not caught up since. It is
    /// not listed in its channels again: it catches up when its connection has room.
    Behind,
}

impl Backlog {
    /// Whether there is something to tell.
    pub(crate) fn is_some(self) -> bool {
        self != Self::Nothing
    }

    /// Something was added to one of the session's channels; `is_stuck` if its connection
    /// takes no posts now.
    #[must_use]
    pub(crate) fn added(self, is_stuck: bool) -> Self {
        match self {
            Self::Nothing | Self::Due if is_stuck => Self::Behind,
            Self::Nothing | Self::Due => Self::Due,
            Self::Behind => Self::Behind,
        }
    }

    /// The session was to be told, but its connection had no room.
    #[must_use]
    pub(crate) fn had_no_room(self) -> Self {
        match self {
            Self::Nothing => Self::Nothing,
            Self::Due | Self::Behind => Self::Behind,
        }
    }

    /// The session was told as many posts as may gather, and there may be more.
    #[must_use]
    pub(crate) fn told(self, has_more: bool) -> Self {
        if has_more { self } else { Self::Nothing }
    }
}

#[cfg(test)]
mod tests {
    use super::Backlog::{Behind, Due, Nothing};

    #[test]
    fn a_session_that_is_behind_stays_so_until_it_was_told_everything() {
        let table = [
            // Before; added, added while stuck, had no room, told some, told all.
            (Nothing, [Due, Behind, Nothing, Nothing, Nothing]),
            (Due, [Due, Behind, Behind, Due, Nothing]),
            (Behind, [Behind, Behind, Behind, Behind, Nothing]),
        ];
        for (before, expected) in table {
            let after = [
                before.added(false),
                before.added(true),
                before.had_no_room(),
                before.told(true),
                before.told(false),
            ];
            assert_eq!(after, expected, "{before:?}");
        }
    }
}

//! Names in colour: the same name always has the same colour.

use postroom_model::{Name, Safe};

/// How names are shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Colours {
    /// As they are.
    None,
    /// In one of a few colours of the terminal.
    Names,
}

/// The colours of a terminal that are legible on black and on white.
const PALETTE: [u8; 6] = [31, 32, 33, 35, 36, 94];

impl Colours {
    /// What the environment asks for, on a terminal with colours.
    pub(crate) fn of_environment() -> Self {
        // See no-color.org: an empty value has no effect.
        let is_refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        if is_refused { Self::None } else { Self::Names }
    }

    /// The name, safe to show. It may be any text that a server sent.
    pub(crate) fn name(self, name: &str) -> String {
        match self {
            Self::None => Safe(name).to_string(),
            Self::Names => format!("\u{1b}[{}m{}\u{1b}[0m", code(name), Safe(name)),
        }
    }
}

/// The colour of an account, the same in every spelling.
fn code(name: &str) -> u8 {
    let folded = Name::new(name).map_or_else(|_| name.to_owned(), |name| name.folded().to_owned());
    // FNV-1a: the same in every version and on every machine.
    let hash = folded.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let place = usize::try_from(hash % PALETTE.len() as u64).unwrap_or_default();
    PALETTE[place]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_colour_in_every_spelling() {
        let bob = Colours::Names.name("bob");
        assert!(bob.starts_with("\u{1b}[") && bob.ends_with("mbob\u{1b}[0m"), "{bob:?}");
        assert_eq!(Colours::Names.name("BOB"), bob.replace("bob", "BOB"));
        assert_eq!(Colours::None.name("bob"), "bob");
    }

    #[test]
    fn names_are_spread_over_the_palette() {
        let codes: std::collections::HashSet<_> =
            ["alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi"].map(code).into();
        assert!(codes.len() >= 4, "{codes:?}");
    }

    #[test]
    fn a_hostile_name_is_made_safe() {
        assert_eq!(Colours::None.name("\u{1b}[2J"), "^[[2J");
        assert_eq!(Colours::Names.name("\u{1b}[2J").matches('\u{1b}').count(), 2);
    }
}

//! What a name looks like.

use std::sync::LazyLock;

use smol_str::{SmolStr, SmolStrBuilder};
use unicode_security::skeleton;

/// Equal for names that readers take for one another, as `paypal` and its Cyrillic
/// look-alike: the skeleton of the case-mapped form, by UTS #39.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Skeleton(SmolStr);

/// The skeletons of the ASCII characters. Nearly all names are ASCII, and the tables of
/// Unicode are slow.
static ASCII: LazyLock<[SmolStr; 128]> = LazyLock::new(|| {
    std::array::from_fn(|byte| {
        let character = char::from(u8::try_from(byte).unwrap_or_default());
        skeleton(character.encode_utf8(&mut [0; 4])).collect()
    })
});

impl Skeleton {
    /// The skeleton of the case-mapped form of a name.
    pub(crate) fn of(folded: &str) -> Self {
        if !folded.is_ascii() {
            return Self(skeleton(folded).collect());
        }
        let mut built = SmolStrBuilder::new();
        folded.bytes().for_each(|byte| built.push_str(&ASCII[usize::from(byte)]));
        Self(built.finish())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Name;

    fn looks_like(one: &str, other: &str) -> bool {
        let of = |name| Name::new(name).unwrap().skeleton();
        of(one) == of(other)
    }

    #[test]
    fn names_that_look_alike_have_one_skeleton() {
        for (one, other) in [
            ("paypal", "p\u{430}yp\u{430}l"),
            ("Paypal", "p\u{430}yp\u{430}l"),
            ("scope", "\u{455}\u{441}\u{43e}\u{440}\u{435}"),
        ] {
            assert!(looks_like(one, other), "{one} {other}");
        }
        for (one, other) in [("bob", "rob"), ("jos\u{e9}", "jose"), ("\u{4e2d}", "\u{65e5}")] {
            assert!(!looks_like(one, other), "{one} {other}");
        }
    }

    proptest! {
        #[test]
        fn the_table_of_ascii_agrees_with_the_library(word in "[!-~]{1,64}") {
            let folded = word.to_ascii_lowercase();
            prop_assert_eq!(Skeleton::of(&folded), Skeleton(skeleton(&folded).collect()));
        }
    }
}

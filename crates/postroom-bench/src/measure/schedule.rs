//! The order of rounds.

/// Which side plays which round (from 1 on), for `rounds` rounds a side.
///
/// Two sides change places after each round (ABBA), so that a machine that gets
/// slower or faster meanwhile favours neither.
pub(crate) fn abba(sides: usize, rounds: u32) -> Vec<(usize, u32)> {
    let mut order = Vec::new();
    for round in 1..=rounds {
        if round % 2 == 1 {
            order.extend((0..sides).map(|side| (side, round)));
        } else {
            order.extend((0..sides).rev().map(|side| (side, round)));
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_sides_change_places() {
        let sides: String =
            abba(2, 5).iter().map(|(side, _)| if *side == 0 { 'A' } else { 'B' }).collect();
        assert_eq!(sides, "ABBAABBAAB");
    }

    #[test]
    fn each_side_plays_each_round_once() {
        let mut order = abba(2, 4);
        order.sort_unstable();
        assert_eq!(order, [(0, 1), (0, 2), (0, 3), (0, 4), (1, 1), (1, 2), (1, 3), (1, 4)]);
    }

    #[test]
    fn one_side_plays_alone() {
        assert_eq!(abba(1, 3), [(0, 1), (0, 2), (0, 3)]);
    }
}

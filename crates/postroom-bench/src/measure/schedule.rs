//! The order of rounds.

/// The sides and round numbers (from 1) in order, with `rounds` rounds a side.
///
/// Two sides swap after each round (ABBA), so that a machine that gets slower or
/// faster over time favours neither.
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
    fn two_sides_swap_after_each_round() {
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

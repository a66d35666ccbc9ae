//! The documentation lists what the simulator has been proved to find.

use postroom_model::Fault;

const TABLE: &str = include_str!("../../../docs/simulation.md");

#[test]
fn every_fault_has_a_row_with_the_seeds_needed() {
    for fault in Fault::ALL {
        let begin = format!("| `{}` | {} |", fault.name(), fault.breaks());
        let row = TABLE.lines().find(|line| line.starts_with(&begin));
        let row = row.unwrap_or_else(|| panic!("docs/simulation.md has no row of {fault:?}"));
        let seeds = row.split('|').nth(4).map(str::trim);
        let is_found = seeds.is_some_and(|seeds| seeds.parse::<u64>().is_ok());
        assert!(is_found, "{fault:?} is not found: {row}");
    }
}

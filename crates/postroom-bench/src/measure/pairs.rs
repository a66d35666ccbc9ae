//! Rounds without and with something that may cost the others, in pairs.

use crate::measure::measurement::{Measurement, median};
use crate::measure::schedule;
use crate::measure::table::Table;
use crate::report;

/// What the rounds of a workload have in common.
#[derive(Clone, Debug)]
pub(crate) struct Pairs {
    pub(crate) name: &'static str,
    pub(crate) table: &'static Table,
    /// The cells of the rounds without it and with it.
    pub(crate) labels: [String; 2],
    /// The cells between those and the round.
    pub(crate) settings: Vec<String>,
    pub(crate) rounds: u32,
    pub(crate) markdown: bool,
}

/// A figure of a round.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Figure {
    /// `None` if there is none in this round.
    pub(crate) value: Option<f64>,
    pub(crate) decimals: usize,
    /// Whether the ratio of a pair says something.
    pub(crate) is_compared: bool,
}

impl Figure {
    /// A figure that is compared within each pair.
    pub(crate) fn compared(value: Option<f64>, decimals: usize) -> Self {
        Self { value, decimals, is_compared: true }
    }

    /// A figure that is not compared.
    pub(crate) fn alone(value: Option<f64>, decimals: usize) -> Self {
        Self { value, decimals, is_compared: false }
    }

    fn cell(&self) -> String {
        self.value.map_or_else(|| "-".to_owned(), |value| format!("{value:.*}", self.decimals))
    }

    fn ratio_to(&self, other: &Self) -> Self {
        let values = self.value.zip(other.value).filter(|_| self.is_compared);
        Self::compared(values.map(|(own, other)| own / other), 2)
    }
}

/// The figures of a measurement, in the order of a table's columns.
pub(crate) fn figures(measured: &Measurement) -> Vec<Figure> {
    let whole = [measured.rate, measured.p50_us, measured.p99_us, measured.p999_us];
    let generator = [measured.generator_cpu_us, measured.generator_cores];
    whole
        .map(|value| Figure::compared(Some(value), 0))
        .into_iter()
        .chain([Figure::compared(measured.server_cpu_us, 2)])
        .chain(generator.map(|value| Figure::compared(Some(value), 2)))
        .collect()
}

impl Pairs {
    /// Plays all rounds in ABBA order, each by `round`, which gets whether it is one with
    /// it and the number of its pair. Prints the figures, their medians, and the medians
    /// of the ratios within each pair.
    pub(crate) fn play(
        &self,
        mut round: impl FnMut(bool, u32) -> anyhow::Result<Vec<Figure>>,
    ) -> anyhow::Result<()> {
        report::line(&self.table.heading());
        let mut rounds: [Vec<Vec<Figure>>; 2] = [Vec::new(), Vec::new()];
        for (at, number) in schedule::abba(2, self.rounds) {
            let figures = round(at == 1, number)?;
            let cells = self.cells(&self.labels[at], &number.to_string(), &figures);
            report::line(&self.table.row(&cells));
            rounds[at].push(figures);
        }
        report::line("");
        self.table.print(self.markdown, &self.conclusion(&rounds));
        Ok(())
    }

    fn conclusion(&self, rounds: &[Vec<Vec<Figure>>; 2]) -> Vec<Vec<String>> {
        let [without, with] = rounds;
        let ratio = |(with, without): (&Vec<Figure>, &Vec<Figure>)| {
            with.iter().zip(without).map(|(with, without)| with.ratio_to(without)).collect()
        };
        let ratios: Vec<Vec<Figure>> = with.iter().zip(without).map(ratio).collect();
        let [first, second] = &self.labels;
        [(&**first, without), (second, with), ("ratio", &ratios)]
            .map(|(label, rounds)| self.cells(label, "median", &medians(rounds)))
            .to_vec()
    }

    fn cells(&self, label: &str, round: &str, figures: &[Figure]) -> Vec<String> {
        [self.name.to_owned(), label.to_owned()]
            .into_iter()
            .chain(self.settings.iter().cloned())
            .chain([round.to_owned()])
            .chain(figures.iter().map(Figure::cell))
            .collect()
    }
}

/// The median of each figure, of the rounds that have it.
fn medians(rounds: &[Vec<Figure>]) -> Vec<Figure> {
    let first = rounds.first().into_iter().flatten().enumerate();
    first
        .map(|(column, figure)| {
            let values = rounds.iter().filter_map(|round| round[column].value).collect();
            Figure { value: median(values), ..*figure }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: Table = Table::new(&["workload", "slow", "members", "round", "us", "ended"], 2);

    fn pairs() -> Pairs {
        Pairs {
            name: "slow",
            table: &TABLE,
            labels: ["none", "one"].map(str::to_owned),
            settings: vec!["100".to_owned()],
            rounds: 3,
            markdown: false,
        }
    }

    #[test]
    fn the_ratio_is_the_median_of_the_ratios_within_the_pairs() {
        let round = |us: f64, ended: Option<f64>| {
            vec![Figure::compared(Some(us), 0), Figure::alone(ended, 0)]
        };
        let without = [10.0, 20.0, 40.0].map(|us| round(us, None)).to_vec();
        let with = [15.0, 60.0, 40.0].map(|us| round(us, Some(1.0))).to_vec();
        let rows: Vec<String> =
            pairs().conclusion(&[without, with]).iter().map(|row| row.join(" ")).collect();
        assert_eq!(
            rows,
            [
                "slow none 100 median 20 -",
                "slow one 100 median 40 1",
                "slow ratio 100 median 1.50 -"
            ]
        );
    }

    #[test]
    fn rounds_come_in_pairs_that_swap() {
        let mut played = Vec::new();
        pairs()
            .play(|with, number| {
                played.push((with, number));
                Ok(Vec::new())
            })
            .unwrap();
        assert_eq!(played, [(false, 1), (true, 1), (true, 2), (false, 2), (false, 3), (true, 3)]);
    }
}

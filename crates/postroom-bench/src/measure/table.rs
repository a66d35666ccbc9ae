//! Tables as text: aligned columns, or Markdown.

use crate::measure::measurement::Measurement;
use crate::report;

/// A table whose rows can be printed one at a time: the headings set the widths
/// of the columns.
#[derive(Debug)]
pub(crate) struct Table {
    headings: &'static [&'static str],
    /// Columns from this one on are numbers and right-aligned.
    first_number: usize,
}

/// The least width of a column, since narrower ones are hard to tell apart.
const LEAST_WIDTH: usize = 8;

/// The columns of every workload that sends or reads.
pub(crate) const ROUNDS: Table = Table {
    headings: &[
        "workload",
        "side",
        "connections",
        "in-flight",
        "round",
        "rate/s",
        "p50 us",
        "p99 us",
        "p999 us",
        "server CPU us/msg",
        "generator CPU us/msg",
        "generator cores",
    ],
    first_number: 2,
};

/// The columns of a channel in which every member gets every post. They count
/// deliveries: a post received by one member is one delivery.
pub(crate) const DELIVERIES: Table = Table {
    headings: &[
        "workload",
        "side",
        "members",
        "senders",
        "unseen",
        "body",
        "round",
        "deliveries/s",
        "p50 us",
        "p99 us",
        "p999 us",
        "server CPU us/delivery",
        "generator CPU us/delivery",
        "generator cores",
    ],
    first_number: 2,
};

/// The columns of messages that are sent one at a time.
pub(crate) const MESSAGES: Table = Table {
    headings: &[
        "workload",
        "side",
        "messages",
        "body",
        "round",
        "rate/s",
        "p50 us",
        "p99 us",
        "p999 us",
        "server CPU us/msg",
        "generator CPU us/msg",
        "generator cores",
    ],
    first_number: 2,
};

/// The columns of rounds without and with members that read slowly.
pub(crate) const SLOW_MEMBER: Table = Table {
    headings: &[
        "workload",
        "slow members",
        "members",
        "senders",
        "posts/s",
        "body",
        "round",
        "deliveries/s",
        "p50 us",
        "p99 us",
        "p999 us",
        "server CPU us/delivery",
        "generator CPU us/delivery",
        "generator cores",
        "ended",
        "closed after s",
        "missed posts",
        "arrived MB",
        "memory MB",
    ],
    first_number: 2,
};

impl Table {
    pub(crate) const fn new(headings: &'static [&'static str], first_number: usize) -> Self {
        Self { headings, first_number }
    }

    #[cfg(test)]
    pub(crate) fn columns(&self) -> usize {
        self.headings.len()
    }

    pub(crate) fn heading(&self) -> String {
        self.row(self.headings)
    }

    pub(crate) fn row<S: AsRef<str>>(&self, cells: &[S]) -> String {
        let aligned: Vec<String> = (0..)
            .zip(self.headings.iter().zip(cells))
            .map(|(column, (heading, cell))| {
                let (cell, width) = (cell.as_ref(), heading.len().max(LEAST_WIDTH));
                if column >= self.first_number {
                    format!("{cell:>width$}")
                } else {
                    format!("{cell:<width$}")
                }
            })
            .collect();
        aligned.join("  ").trim_end().to_owned()
    }

    /// Prints all rows, as text or as Markdown.
    pub(crate) fn print(&self, markdown: bool, rows: &[Vec<String>]) {
        report::line(&if markdown { self.markdown_heading() } else { self.heading() });
        for cells in rows {
            report::line(&if markdown { markdown_row(cells) } else { self.row(cells) });
        }
    }

    fn markdown_heading(&self) -> String {
        let rules: Vec<&str> = (0..self.headings.len())
            .map(|column| if column >= self.first_number { "---:" } else { "---" })
            .collect();
        format!("{}\n{}", markdown_row(self.headings), markdown_row(&rules))
    }
}

fn markdown_row<S: AsRef<str>>(cells: &[S]) -> String {
    let cells: Vec<&str> = cells.iter().map(AsRef::as_ref).collect();
    format!("| {} |", cells.join(" | "))
}

/// The cells after `round`, from the rate on.
pub(crate) fn figures(measured: &Measurement) -> Vec<String> {
    vec![
        format!("{:.0}", measured.rate),
        format!("{:.0}", measured.p50_us),
        format!("{:.0}", measured.p99_us),
        format!("{:.0}", measured.p999_us),
        measured.server_cpu_us.map_or_else(|| "-".to_owned(), |us| format!("{us:.2}")),
        format!("{:.2}", measured.generator_cpu_us),
        format!("{:.2}", measured.generator_cores),
    ]
}

/// The same cells for ratios, which need decimals everywhere.
pub(crate) fn ratios(ratio: &Measurement) -> Vec<String> {
    [
        Some(ratio.rate),
        Some(ratio.p50_us),
        Some(ratio.p99_us),
        Some(ratio.p999_us),
        ratio.server_cpu_us,
        Some(ratio.generator_cpu_us),
        Some(ratio.generator_cores),
    ]
    .map(|value| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}")))
    .to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Table = Table::new(&["side", "connections"], 1);

    #[test]
    fn columns_line_up() {
        assert_eq!(SMALL.heading(), "side      connections");
        assert_eq!(SMALL.row(&["postroom", "50"]), "postroom           50");
    }

    #[test]
    fn markdown_aligns_numbers_to_the_right() {
        assert_eq!(SMALL.markdown_heading(), "| side | connections |\n| --- | ---: |");
        assert_eq!(markdown_row(&["redis", "50"]), "| redis | 50 |");
    }

    #[test]
    fn figures_fill_the_columns() {
        let measured = Measurement {
            rate: 123_456.7,
            p50_us: 400.4,
            p99_us: 900.0,
            p999_us: 1500.0,
            server_cpu_us: None,
            generator_cpu_us: 6.543,
            generator_cores: 0.807,
        };
        assert_eq!(figures(&measured), ["123457", "400", "900", "1500", "-", "6.54", "0.81"]);
        assert_eq!(figures(&measured).len() + 5, ROUNDS.headings.len());
        assert_eq!(figures(&measured).len() + 7, DELIVERIES.headings.len());
    }
}

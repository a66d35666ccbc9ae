//! What happened in simulations, counted.

use std::fmt;
use std::ops::AddAssign;

/// How much simulations have tried.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Tally {
    /// Turns of the server.
    pub turns: u64,
    /// Connections of clients.
    pub visits: u64,
    /// Messages and posts that were acknowledged.
    pub acknowledged: u64,
    /// Acts of operators that were answered.
    pub administered: u64,
    /// Pages of history that were read at any moment.
    pub pages: u64,
    /// Backups that were looked at.
    pub backups: u64,
    /// Messages that accounts keep that have read or sent them, and that were looked at.
    pub kept: u64,
    /// Messages that have grown too old at the end.
    pub expired: u64,
    /// Processes that were killed or have failed, the power with them or not.
    pub kills: u64,
    /// Of them those whose store had failed.
    pub failures: u64,
    /// Writes that were lost with the power.
    pub writes_lost: u64,
    /// Stores with a flipped bit.
    pub flips: u64,
    /// Of them those that were refused.
    pub refused: u64,
    /// Messages that were lost or changed by flipped bits.
    pub flipped_messages: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.turns += other.turns;
        self.visits += other.visits;
        self.acknowledged += other.acknowledged;
        self.administered += other.administered;
        self.pages += other.pages;
        self.backups += other.backups;
        self.kept += other.kept;
        self.expired += other.expired;
        self.kills += other.kills;
        self.failures += other.failures;
        self.writes_lost += other.writes_lost;
        self.flips += other.flips;
        self.refused += other.refused;
        self.flipped_messages += other.flipped_messages;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { turns, visits, acknowledged, kills, failures, writes_lost, .. } = self;
        let Self { administered, pages, backups, kept, expired, .. } = self;
        write!(
            formatter,
            "{turns} turns, {visits} connections, {acknowledged} acknowledged, {administered} \
             acts of operators, {pages} pages of history, {backups} backups, {kept} kept, \
             {expired} too old, {kills} kills ({failures} failures of the store, {writes_lost} \
             writes lost)"
        )?;
        if self.flips > 0 {
            let Self { flips, refused, flipped_messages, .. } = self;
            write!(
                formatter,
                ", {flips} flipped bits ({refused} stores refused, {flipped_messages} messages \
                 lost or changed)"
            )?;
        }
        Ok(())
    }
}

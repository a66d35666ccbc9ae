//! What goes over the socket, as JSON.

mod accounts;
mod bans;
mod channels;
mod check;
mod export;
mod sessions;
mod settings;
mod status;
mod time;

use serde::{Deserialize, Serialize};

pub use accounts::{AccountDone, AccountLine, AccountOrder, AccountPage, ImportMessage};
pub use bans::{BanDone, BanLine, BanOrder, BanPage, UnbanOrder, Whom};
pub use channels::{ChannelDone, ChannelLine, ChannelOrder, ChannelPage};
pub use check::{CheckLine, Counts};
pub use export::{EXPORT_VERSION, ExportCounts, ExportLine};
pub use sessions::{Kicked, SessionLine, SessionPage, Whose};
pub use settings::{LogLevel, Reloaded};
pub use status::StatusReport;
pub use time::Time;

/// The media type of a backup.
pub const BACKUP_TYPE: &str = "application/vnd.sqlite3";

/// Why nothing was done.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Problem {
    /// The status of the response, too.
    pub status: u16,
    /// What is wrong, for programs: a word.
    pub problem: String,
    /// What is wrong, for people.
    pub detail: String,
    /// The account that it is about, if any.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub account: Option<String>,
}

//! What an operator uses: start, stop, accounts, passwords, the log, the report,
//! the check of the data and the service of systemd.

mod administration;
mod audit;
mod log_lines;
mod password_file;
pub(crate) mod passwords;
mod report;
mod serve;
mod service;

//! What an operator uses: start, stop, accounts, passwords, the log, the report
//! and the check of the data.

mod administration;
mod audit;
mod log_lines;
mod password_file;
pub(crate) mod passwords;
mod report;
mod serve;

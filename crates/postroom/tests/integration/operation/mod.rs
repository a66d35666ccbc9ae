//! What an operator uses: start, stop, accounts, passwords, the log, the report,
//! the check of the data and the service of systemd; and what packages take
//! from the program.

mod administration;
mod answers;
mod archive;
mod audit;
mod backup;
mod bans;
mod channels;
mod generate;
mod imports;
mod log_lines;
mod metrics;
mod package;
mod passed_sockets;
mod password_file;
pub(crate) mod passwords;
mod reload;
mod report;
mod restore;
mod retention;
mod serve;
mod service;
mod service_manager;
mod under_load;

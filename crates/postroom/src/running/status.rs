//! `postroom status`.

use postroom_web::StatusReport;

use super::{ListArguments, RunningError, json, print};

/// Prints how the server is.
pub(crate) fn status(arguments: &ListArguments) -> Result<(), RunningError> {
    let report: StatusReport = arguments.folder.connect()?.get("/v1/status")?;
    if arguments.json {
        return print(&json(&report));
    }
    let StatusReport { version, connections, connections_max, before_login, .. } = &report;
    let StatusReport { output_bytes, output_bytes_max, requests_under_way, .. } = &report;
    let StatusReport { accounts, accounts_max, channels, channels_max, unread, .. } = &report;
    let StatusReport { expired_messages, expired_posts, retention_behind_s, .. } = &report;
    let behind = match retention_behind_s {
        0 => String::new(),
        seconds => format!("\nretention behind the clock\t{seconds} s"),
    };
    print(&format!(
        "version\t{version}\nconnections\t{connections} of {connections_max}\n\
         before login\t{before_login}\n\
         bytes for clients\t{output_bytes} of {output_bytes_max}\n\
         requests for the disk\t{requests_under_way}\n\
         accounts\t{accounts} of {accounts_max}\nhashtags\t{channels} of {channels_max}\n\
         unread messages\t{unread}\n\
         removed for their age\t{expired_messages} messages, {expired_posts} posts{behind}"
    ))
}

//! Which metrics there are. docs/operating.md lists them.

use std::collections::BTreeMap;

use postroom_engine::{EngineCounts, OfficeCounts, Status};
use postroom_server::{CommitMetrics, ServerMetrics};

use super::exposition::Exposition;
use super::process::ProcessMetrics;

/// The page of metrics.
pub(super) fn page(server: &ServerMetrics, process: &ProcessMetrics) -> String {
    let mut page = Exposition::default();
    let version = env!("CARGO_PKG_VERSION");
    page.info("postroom_build_info", "The version of the server", "version", version);
    connections(&mut page, &server.engine.counts, &server.engine.status);
    logins(&mut page, &server.engine.counts, &server.engine.status);
    messages(&mut page, &server.engine.counts, &server.engine.office);
    backlog(&mut page, &server.engine.status);
    store(&mut page, server, process);
    times(&mut page, server);
    of_process(&mut page, process);
    page.into_text()
}

fn connections(page: &mut Exposition, counts: &EngineCounts, status: &Status) {
    let mut accepted = BTreeMap::new();
    for (listener, count) in &counts.accepted {
        *accepted.entry(listener.to_string()).or_default() += count;
    }
    page.counters(
        "postroom_connections_accepted_total",
        "Connections that got a session",
        "listener",
        accepted,
    );
    page.tally(
        "postroom_connections_refused_total",
        "Connections closed before they got a session",
        "reason",
        &counts.refused,
    );
    page.limited(
        "postroom_connections",
        "Open connections",
        status.connections,
        status.connections_max,
    );
    page.limited(
        "postroom_connections_before_login",
        "Connections that wait for their login",
        status.before_login,
        status.before_login_max,
    );
    page.gauge("postroom_sessions", "Sessions", status.sessions);
    page.tally("postroom_sessions_ended_total", "Sessions that have ended", "cause", &counts.ended);
    page.counter(
        "postroom_received_bytes_total",
        "Bytes from clients, decrypted",
        counts.received_bytes,
    );
    page.counter(
        "postroom_sent_bytes_total",
        "Bytes for clients that the kernel has taken, before encryption",
        counts.sent_bytes,
    );
}

fn logins(page: &mut Exposition, counts: &EngineCounts, status: &Status) {
    page.counter("postroom_logins_total", "Logins", counts.logins);
    page.tally(
        "postroom_login_failures_total",
        "Logins that were refused",
        "reason",
        &counts.logins_failed,
    );
    page.counter("postroom_registrations_total", "Accounts registered", counts.registrations);
    page.limited(
        "postroom_password_checks_waiting",
        "Password checks that have not begun",
        status.checks_waiting,
        status.checks_waiting_max,
    );
}

fn messages(page: &mut Exposition, counts: &EngineCounts, office: &OfficeCounts) {
    for (name, help, value) in [
        ("postroom_messages_stored_total", "Messages stored", office.messages_stored),
        ("postroom_messages_read_total", "Messages proved received", office.messages_read),
        ("postroom_posts_stored_total", "Posts stored", office.posts_stored),
        ("postroom_posts_missed_total", "Posts missed by slow readers", counts.posts_missed),
        ("postroom_lines_told_total", "Live lines passed on", office.lines_told),
        ("postroom_lines_missed_total", "Live lines missed by slow readers", counts.lines_missed),
    ] {
        page.counter(name, help, value);
    }
    page.tally(
        "postroom_requests_refused_total",
        "Requests that met a limit",
        "limit",
        &counts.limits_met,
    );
}

fn backlog(page: &mut Exposition, status: &Status) {
    page.limited(
        "postroom_output_bytes",
        "Memory of what waits for clients",
        status.output_bytes,
        status.output_bytes_max,
    );
    page.limited(
        "postroom_recent_posts_bytes",
        "Memory of posts kept for members who read slowly",
        status.recent_bytes,
        status.recent_bytes_max,
    );
    page.gauge(
        "postroom_requests_under_way",
        "Requests that wait for the store",
        status.calls_under_way,
    );
    page.limited(
        "postroom_request_bytes",
        "Memory of requests that wait for the store",
        status.call_bytes,
        status.call_bytes_max,
    );
}

fn store(page: &mut Exposition, server: &ServerMetrics, process: &ProcessMetrics) {
    let Status { usage, expired, retention_behind, .. } = server.engine.status;
    page.limited("postroom_accounts", "Accounts", usage.accounts, usage.accounts_max);
    page.limited("postroom_channels", "Hashtags", usage.channels, usage.channels_max);
    page.gauge("postroom_messages_unread", "Unread messages in all mailboxes", usage.unread);
    page.counter(
        "postroom_messages_expired_total",
        "Unread messages removed for their age",
        expired.messages,
    );
    page.counter("postroom_posts_expired_total", "Posts removed for their age", expired.posts);
    page.gauge(
        "postroom_retention_behind_seconds",
        "By how much the clock of the system is ahead of that of the retention",
        retention_behind.as_secs(),
    );
    page.gauge("postroom_store_log_bytes", "Used length of the write-ahead log", usage.log_bytes);
    page.counter(
        "postroom_store_damaged_records_total",
        "Damaged records found",
        server.engine.counts.damaged_records,
    );
    page.known_gauge(
        "postroom_disk_free_bytes",
        "Free disk at the data folder",
        process.disk_free_bytes,
    );
    page.gauge(
        "postroom_disk_reserve_bytes",
        "Free disk below which messages are refused",
        usage.disk_reserve_bytes,
    );
}

fn times(page: &mut Exposition, server: &ServerMetrics) {
    let CommitMetrics { commit_times, sync_times, on_thread, .. } = &server.commits;
    page.histogram("postroom_commit_seconds", "Commits, with their sync", commit_times);
    page.histogram("postroom_sync_seconds", "Waits of commits for the disk", sync_times);
    page.gauge(
        "postroom_commits_on_thread",
        "1 while the disk is slow and commits run beside the event loop",
        u8::from(*on_thread),
    );
    let EngineCounts { turn_times, delivery_times, .. } = &server.engine.counts;
    page.histogram("postroom_turn_seconds", "Turns of the event loop", turn_times);
    page.histogram(
        "postroom_post_delivery_seconds",
        "From taking a post to writing it to a member",
        delivery_times,
    );
    page.histogram(
        "postroom_message_proof_seconds",
        "From handing a message out to its proof",
        &server.engine.office.proof_times,
    );
}

fn of_process(page: &mut Exposition, process: &ProcessMetrics) {
    page.counter("process_cpu_seconds_total", "CPU time of the server", process.cpu.as_secs_f64());
    page.gauge(
        "process_start_time_seconds",
        "When the server started, in seconds since 1970",
        process.started.as_secs_f64(),
    );
    page.known_gauge("process_resident_memory_bytes", "Resident memory", process.resident_bytes);
    page.known_gauge("process_open_fds", "Open files", process.open_files);
    page.known_gauge("process_max_fds", "Files that may be open", process.open_files_max);
}

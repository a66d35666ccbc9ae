//! Recognises the listener that a client has connected to by its answers.
//!
//! With so many listeners the commonest mistake is a wrong port, and each listener
//! answers a foreign request in its own way.

/// The protocol in which this line is an answer or a greeting, if there is only
/// one.
pub(crate) fn protocol_of(line: &str) -> Option<&'static str> {
    let line = line.strip_suffix('\r').unwrap_or(line);
    let is_count = !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_digit());
    match line {
        _ if is_count => Some("mailbox"),
        "UNKNOWN COMMAND" | "LOGIN ERROR" => Some("mailbox-verbose"),
        _ if line.starts_with("Login successful") => Some("mailbox-verbose"),
        "101 Authentication successful"
        | "102 Authentication Failed"
        | "103 You are already logged in"
        | "310 Bye bye"
        | "401 Unrecognized message" => Some("im"),
        _ if line.starts_with("error: ") => Some("board"),
        _ if line.starts_with("HTTP/1.") => Some("http"),
        _ if line.contains("/setname NAME") => Some("chat"),
        _ => None,
    }
}

/// The client for a protocol.
pub(crate) fn client_for(protocol: &str) -> &'static str {
    match protocol {
        "mailbox" => "postroom send, postroom read or postroom mail --strict",
        "mailbox-verbose" => "postroom mail",
        "im" => "postroom im",
        "board" => "postroom board",
        "http" => "curl, or postroom send, read, tail, post or history with http://",
        _ => "postroom chat",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_listener_is_recognised_by_its_lines() {
        for (line, protocol) in [
            ("3", Some("mailbox")),
            ("UNKNOWN COMMAND", Some("mailbox-verbose")),
            ("Login successful with new username. Welcome bob", Some("mailbox-verbose")),
            ("401 Unrecognized message\r", Some("im")),
            ("error: operation illegal", Some("board")),
            ("Welcome to Postroom. Choose a name with /setname NAME.", Some("chat")),
            ("Choose a name first: /setname NAME (or /quit).", Some("chat")),
            ("HTTP/1.1 400 Bad Request\r", Some("http")),
            ("", None),
        ] {
            assert_eq!(protocol_of(line), protocol, "{line:?}");
        }
    }
}

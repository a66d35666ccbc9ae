//! Requests of HTTP.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The channel of all requests.
const CHANNEL: &str = "bench";

/// Whose requests are sent where each may be anyone's.
pub(crate) const ACCOUNT: &str = "bench";

/// What follows the target of a request by an account without a password, `body` included.
pub(crate) fn after_target(account: &str, body: &str) -> String {
    let credentials = STANDARD.encode(format!("{account}:"));
    let length = body.len();
    format!(
        " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {credentials}\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
}

/// What `account` asks of the channel: `METHOD` and the path behind the channel's name.
pub(crate) fn of_channel(method: &str, path: &str, account: &str, body: &str) -> String {
    let target = format!("{method} /api/v1/channels/{CHANNEL}/{path}");
    [target, after_target(account, body)].concat()
}

/// A stream of the channel's posts for `account`.
pub(crate) fn stream(account: &str) -> String {
    of_channel("GET", "stream", account, "")
}

/// Whether a status line has the status 200.
pub(crate) fn is_ok(line: &[u8]) -> bool {
    line.starts_with(b"HTTP/1.1 200 ")
}

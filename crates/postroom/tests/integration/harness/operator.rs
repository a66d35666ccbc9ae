//! What an operator runs, and what a program asks over the socket.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::support::{need, run_program};

/// Runs a command of the program for a data folder; returns its output, or what it says that
/// is wrong.
pub(crate) fn run(data: &Path, arguments: &[&str]) -> Result<String, String> {
    run_with(data, arguments, "")
}

/// Does as [`run`], with this standard input. What cannot be done is told in one line, behind
/// what was found; a wrong command line in more.
pub(crate) fn run_with(data: &Path, arguments: &[&str], input: &str) -> Result<String, String> {
    let words = arguments.iter().copied().chain(["--data", data.to_str().unwrap()]);
    let output = run_program(words, input.as_bytes());
    let text = |bytes| String::from_utf8(bytes).unwrap();
    if output.status.success() {
        return Ok(text(output.stdout));
    }
    let error = text(output.stderr);
    match output.status.code() {
        Some(1) => {
            let told = error.lines().filter(|line| line.starts_with("postroom: "));
            assert_eq!(told.count(), 1, "{arguments:?}: {error}");
        }
        status => assert_eq!(status, Some(2), "{arguments:?}: {error}"),
    }
    Err(error)
}

/// Asks the server of a data folder with curl, with `POST` if there is a body; returns the
/// status and the answer.
pub(crate) fn curl(data: &Path, path: &str, body: Option<&str>) -> (String, Value) {
    need("curl", "curl");
    let mut command = Command::new("curl");
    command.args(["-sS", "-m", "10", "-w", "\n%{http_code}", "--unix-socket"]);
    command.arg(data.join("postroom.sock")).arg(format!("http://localhost{path}"));
    if let Some(body) = body {
        command.args(["-H", "Content-Type: application/json", "-d", body]);
    }
    let text = String::from_utf8(command.output().unwrap().stdout).unwrap();
    let (body, status) = text.rsplit_once('\n').unwrap();
    (status.to_owned(), serde_json::from_str(body).unwrap_or_else(|_| panic!("{text}")))
}

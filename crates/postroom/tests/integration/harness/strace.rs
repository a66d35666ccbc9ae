//! A server under `strace`, and its system calls.

use std::collections::HashMap;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};

use rustix::process::{Pid, Signal, kill_process};

use super::support::need;
use crate::harness::support::{command_through, launch, only_child, wait_for};

/// A server under `strace`, killed when dropped.
pub(crate) struct TracedServer {
    strace: Child,
    server: Pid,
    listeners: Vec<(String, SocketAddr)>,
    trace: PathBuf,
    errors: PathBuf,
}

impl TracedServer {
    /// Starts a server with its data, trace and standard error in `folder`.
    pub(crate) fn start(folder: &Path, options: &[String], arguments: &[&str]) -> Self {
        need("strace", "strace");
        let (trace, errors) = (folder.join("trace"), folder.join("errors"));
        let mut launcher: Vec<String> =
            ["strace", "-f", "-o"].iter().map(ToString::to_string).collect();
        launcher.push(trace.to_string_lossy().into_owned());
        launcher.extend_from_slice(options);
        let arguments: Vec<_> = arguments.iter().map(ToString::to_string).collect();
        let mut command = command_through(&launcher, &data(folder), &arguments);
        let (strace, listeners) = launch(command.stderr(File::create(&errors).unwrap()));
        let server = only_child(strace.id());
        Self { strace, server, listeners, trace, errors }
    }

    pub(crate) fn address(&self, protocol: &str) -> SocketAddr {
        self.listeners.iter().find(|(name, _)| name == protocol).unwrap().1
    }

    /// Kills the server and returns its system calls.
    pub(crate) fn kill(mut self) -> Vec<SystemCall> {
        kill_process(self.server, Signal::KILL).unwrap();
        wait_for(&mut self.strace);
        self.calls()
    }

    pub(crate) fn ask_to_stop(&self) {
        kill_process(self.server, Signal::TERM).unwrap();
    }

    /// Waits for the server to end by itself; returns its status, its standard
    /// error and its system calls.
    pub(crate) fn wait(mut self) -> (ExitStatus, String, Vec<SystemCall>) {
        // strace exits with the status of the server.
        let status = wait_for(&mut self.strace);
        (status, self.errors(), self.calls())
    }

    /// What it has written to standard error.
    pub(crate) fn errors(&self) -> String {
        fs::read_to_string(&self.errors).unwrap()
    }

    fn calls(&self) -> Vec<SystemCall> {
        // strace may cut a text within a character.
        parse(&String::from_utf8_lossy(&fs::read(&self.trace).unwrap()))
    }
}

impl Drop for TracedServer {
    fn drop(&mut self) {
        // strace ends when the server does. After a wait another process may have
        // its id.
        if self.strace.try_wait().is_ok_and(|status| status.is_none()) {
            let _ = kill_process(self.server, Signal::KILL);
            let _ = self.strace.wait();
        }
    }
}

/// Where a traced server keeps its data.
pub(crate) fn data(folder: &Path) -> PathBuf {
    folder.join("data")
}

/// A finished system call.
#[derive(Debug)]
pub(crate) struct SystemCall {
    /// The thread that made it.
    pub(crate) thread: String,
    pub(crate) name: String,
    pub(crate) arguments: String,
    /// What it returned, and the error's name where it failed.
    pub(crate) result: String,
    /// Positions among all starts and ends of calls.
    pub(crate) begun: usize,
    pub(crate) ended: usize,
}

impl SystemCall {
    /// The file or socket of its first argument, as `-y` shows it.
    pub(crate) fn file(&self) -> &str {
        let (_, rest) = self.arguments.split_once('<').unwrap_or_default();
        rest.split_once('>').map_or("", |(file, _)| file)
    }

    pub(crate) fn is_sync(&self) -> bool {
        self.name == "fsync" || self.name == "fdatasync"
    }

    pub(crate) fn has_succeeded(&self) -> bool {
        !self.result.starts_with('-')
    }

    pub(crate) fn was_made_to_fail(&self) -> bool {
        self.result.ends_with("(INJECTED)")
    }
}

/// Parses the output of `strace -f`, without calls that did not end.
pub(crate) fn parse(trace: &str) -> Vec<SystemCall> {
    let mut calls = Vec::new();
    let mut unfinished: HashMap<&str, (usize, &str, &str)> = HashMap::new();
    for (place, line) in trace.lines().enumerate() {
        let Some((thread, event)) = line.split_once(' ') else { continue };
        let event = event.trim_start();
        if let Some(rest) = event.strip_prefix("<... ") {
            let Some((_, rest)) = rest.split_once(" resumed>") else { continue };
            let Some((begun, name, beginning)) = unfinished.remove(thread) else { continue };
            calls.extend(call(thread, name, &format!("{beginning}{rest}"), begun, place));
        } else if let Some((name, rest)) = event.split_once('(') {
            match rest.strip_suffix("<unfinished ...>") {
                Some(beginning) => {
                    unfinished.insert(thread, (place, name, beginning));
                }
                None => calls.extend(call(thread, name, rest, place, place)),
            }
        }
    }
    calls
}

fn call(thread: &str, name: &str, rest: &str, begun: usize, ended: usize) -> Option<SystemCall> {
    // The last one: texts may hold anything.
    let (arguments, result) = rest.rsplit_once(" = ")?;
    let (thread, name) = (thread.to_owned(), name.to_owned());
    let (arguments, result) = (arguments.to_owned(), result.to_owned());
    Some(SystemCall { thread, name, arguments, result, begun, ended })
}

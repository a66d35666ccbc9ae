//! The program in a pseudo-terminal.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use super::screen::Screen;
use crate::harness::support::{PATIENCE, program, wait_for, without_user};

const COLUMNS: u16 = 60;

/// The user's side.
pub(crate) struct Terminal {
    keyboard: File,
    child: Child,
    screen: Screen,
    /// All that was written to the screen.
    written: String,
}

impl Terminal {
    /// Starts the program with these arguments.
    pub(crate) fn start(arguments: &[String]) -> Self {
        Self::start_with(arguments, |_| {})
    }

    /// The same with `configure` done to the command first.
    pub(crate) fn start_with(arguments: &[String], configure: impl FnOnce(&mut Command)) -> Self {
        let keyboard = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&keyboard).unwrap();
        unlockpt(&keyboard).unwrap();
        tcsetwinsize(&keyboard, size(COLUMNS)).unwrap();
        let path = ptsname(&keyboard, Vec::new()).unwrap();
        let flags = OFlags::RDWR | OFlags::NOCTTY;
        let line = rustix::fs::open(path, flags, Mode::empty()).unwrap();
        let side = |line: &OwnedFd| Stdio::from(line.try_clone().unwrap());

        // Only a controlling terminal sends signals for keys.
        let mut command = Command::new("setsid");
        command.arg("--ctty").arg(program()).args(arguments);
        command.stdin(side(&line)).stdout(side(&line)).stderr(side(&line));
        without_user(&mut command).env("TERM", "xterm").env_remove("NO_COLOR");
        configure(&mut command);
        let child = command.spawn().unwrap();
        let screen = Screen::new(COLUMNS.into());
        Self { keyboard: keyboard.into(), child, screen, written: String::new() }
    }

    /// Presses keys, as the bytes that a terminal sends for them.
    pub(crate) fn type_keys(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until the screen's last rows are these.
    #[track_caller]
    pub(crate) fn wait_for_rows(&mut self, rows: &[&str]) {
        self.wait_until(&format!("{rows:#?}"), |screen| {
            let shown = screen.rows();
            shown.len() >= rows.len() && shown[shown.len() - rows.len()..] == *rows
        });
    }

    /// Waits until the screen's last row is this line, with the cursor at its end.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, line: &str) {
        self.wait_until(line, |screen| {
            let rows = screen.rows();
            rows.last().is_some_and(|row| row == line.trim_end())
                && screen.cursor() == (rows.len() - 1, line.chars().count())
        });
    }

    /// Waits for a prompt and types a line.
    #[track_caller]
    pub(crate) fn answer(&mut self, prompt: &str, line: &str) {
        self.wait_for(prompt);
        self.type_keys(&format!("{line}\r"));
    }

    /// Waits until these words are on the screen.
    #[track_caller]
    pub(crate) fn wait_for_words(&mut self, words: &str) {
        self.wait_until(words, |screen| screen.rows().concat().contains(words));
    }

    #[track_caller]
    fn wait_until(&mut self, awaited: &str, is_there: impl Fn(&Screen) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_there(&self.screen) {
            let goes_on = self.take_in(deadline);
            assert!(
                goes_on || is_there(&self.screen),
                "awaited {awaited}\nbut there is {:#?} with the cursor at {:?}",
                self.screen.rows(),
                self.screen.cursor()
            );
        }
    }

    /// Shows what the program writes next; returns `false` if nothing comes.
    fn take_in(&mut self, deadline: Instant) -> bool {
        let left = deadline.saturating_duration_since(Instant::now());
        let mut polled = [PollFd::new(&self.keyboard, PollFlags::IN)];
        if poll(&mut polled, Some(&Timespec::try_from(left).unwrap())).unwrap() == 0 {
            return false;
        }
        let mut bytes = [0; 4_096];
        // The read fails once no program has the terminal open.
        let Ok(count) = self.keyboard.read(&mut bytes) else { return false };
        self.screen.write(&bytes[..count]);
        self.written.push_str(&String::from_utf8_lossy(&bytes[..count]));
        true
    }

    /// Sets the width of the window.
    pub(crate) fn resize(&mut self, columns: u16) {
        tcsetwinsize(&self.keyboard, size(columns)).unwrap();
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Whether the terminal echoes keys and sends them line by line.
    pub(crate) fn is_as_usual(&self) -> bool {
        let modes = tcgetattr(&self.keyboard).unwrap().local_modes;
        modes.contains(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG)
    }

    /// Waits until the terminal is as it was before the program started.
    pub(crate) fn wait_until_as_usual(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while !self.is_as_usual() && self.take_in(deadline) {}
        assert!(self.is_as_usual());
    }

    /// Waits for the program to end; returns its status and all that it wrote.
    pub(crate) fn end(mut self) -> (ExitStatus, String) {
        let deadline = Instant::now() + PATIENCE;
        while self.take_in(deadline) {}
        let status = wait_for(&mut self.child);
        (status, std::mem::take(&mut self.written))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn size(columns: u16) -> Winsize {
    Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }
}

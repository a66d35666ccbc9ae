//! A server that the benchmark starts, and then stops or kills.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::{Context as _, bail};
use clap::Args;
use rustix::process::{Pid, Signal, kill_process};

/// High enough for stores that `fill` made.
const CAPACITY: &str = "1000000";

/// What to start.
#[derive(Debug, Args)]
pub(crate) struct ProgramOptions {
    /// The `postroom` program
    #[arg(long, value_name = "PATH")]
    pub(crate) program: PathBuf,
    /// The data folder to start with
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// Further arguments of `postroom serve`
    #[arg(last = true)]
    pub(crate) extra: Vec<String>,
}

/// A server process that is killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Program {
    child: Child,
    listeners: Vec<(String, SocketAddr)>,
}

impl Program {
    /// Starts a server with these listeners, each on a free port, and waits until it is
    /// ready.
    pub(crate) fn start(options: &ProgramOptions, protocols: &[&str]) -> anyhow::Result<Self> {
        let mut command = Command::new(&options.program);
        command.arg("serve").arg("--data").arg(&options.data).args(["--capacity", CAPACITY]);
        for protocol in protocols {
            command.arg(format!("--listen={protocol}=127.0.0.1:0"));
        }
        let child = command
            .args(&options.extra)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {}", options.program.display()))?;
        let mut program = Self { child, listeners: Vec::new() };
        program.await_ready()?;
        Ok(program)
    }

    fn await_ready(&mut self) -> anyhow::Result<()> {
        let stdout = self.child.stdout.as_mut().context("the server's output is a pipe")?;
        let mut lines = BufReader::new(stdout).lines();
        while let Some(line) = lines.next().transpose().context("reading the server's output")? {
            let Some((protocol, address)) = line.split_once(' ') else {
                return Ok(());
            };
            let address = address.parse().with_context(|| format!("the address in `{line}`"))?;
            self.listeners.push((protocol.to_owned(), address));
        }
        let status = self.child.wait().context("waiting for the server")?;
        bail!("the server ended before it was ready, with {status}; see its log above");
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The address of one of its listeners.
    pub(crate) fn address(&self, protocol: &str) -> anyhow::Result<SocketAddr> {
        let found = self.listeners.iter().find(|(name, _)| name == protocol);
        let (_, address) = found.with_context(|| format!("the server has no `{protocol}`"))?;
        Ok(*address)
    }

    pub(crate) fn stop(&mut self) -> anyhow::Result<ExitStatus> {
        kill_process(Pid::from_child(&self.child), Signal::TERM).context("stopping the server")?;
        self.child.wait().context("waiting for the server to stop")
    }

    pub(crate) fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill().context("killing the server")?;
        self.child.wait().context("waiting for the killed server")?;
        Ok(())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // After an orderly stop the process is gone and both calls fail.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

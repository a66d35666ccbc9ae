//! `postroom status`, `postroom sessions` and `postroom kick`: about a running server.

use std::io::{self, Write as _};
use std::net::IpAddr;
use std::path::PathBuf;

use clap::Args;
use ipnet::IpNet;
use postroom_model::{Name, NameError};
use postroom_web::{
    AdminClient, ClientError, Kicked, SessionLine, SessionPage, StatusReport, Whose,
};
use thiserror::Error;

use crate::config::{Config, ConfigError, Overrides};

/// Which server is asked.
#[derive(Debug, Args)]
pub(crate) struct Where {
    /// The settings of the server
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The data folder of the server [default: ./postroom-data]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// The command line of `postroom status` and `postroom sessions`.
#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    #[command(flatten)]
    server: Where,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The command line of `postroom kick`.
#[derive(Debug, Args)]
pub(crate) struct KickArguments {
    #[command(flatten)]
    server: Where,
    /// The account whose sessions end
    #[arg(required_unless_present = "address", conflicts_with = "address")]
    name: Option<String>,
    /// The address, or the prefix such as 192.0.2.0/24, whose sessions end
    #[arg(long, value_name = "ADDRESS")]
    address: Option<String>,
}

#[derive(Debug, Error)]
pub(crate) enum RunningError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Server(#[from] ClientError),
    #[error("no server runs in {}; its folder is selected with --data or --config", data.display())]
    None { data: PathBuf },
    #[error("\"{name}\" is not a name: {cause}")]
    Name { name: String, cause: NameError },
    #[error("\"{0}\" is not an address, nor a prefix such as 192.0.2.0/24")]
    Address(String),
    #[error("cannot write to standard output: {0}")]
    Output(io::Error),
}

impl Where {
    fn connect(&self) -> Result<AdminClient, RunningError> {
        let overrides = Overrides { data: self.data.clone(), ..Overrides::default() };
        let config = Config::load(self.config.as_deref(), &overrides)?;
        AdminClient::connect(&config.data)?.ok_or(RunningError::None { data: config.data })
    }
}

fn print(line: &str) -> Result<(), RunningError> {
    writeln!(io::stdout(), "{line}").map_err(RunningError::Output)
}

/// Prints how the server is.
pub(crate) fn status(arguments: &ListArguments) -> Result<(), RunningError> {
    let report: StatusReport = arguments.server.connect()?.get("/v1/status")?;
    if arguments.json {
        return print(&json(&report));
    }
    let StatusReport { version, connections, connections_max, before_login, .. } = &report;
    let StatusReport { output_bytes, requests_under_way, .. } = &report;
    print(&format!(
        "version\t{version}\nconnections\t{connections} of {connections_max}\n\
         before login\t{before_login}\nbytes for clients\t{output_bytes}\n\
         requests for the disk\t{requests_under_way}"
    ))
}

/// Prints the sessions.
pub(crate) fn sessions(arguments: &ListArguments) -> Result<(), RunningError> {
    let mut server = arguments.server.connect()?;
    if !arguments.json {
        print("ACCOUNT\tLOGGED IN\tLISTENER\tPEER\tSECONDS\tBYTES WAITING")?;
    }
    let mut next = Some(0);
    while let Some(from) = next {
        let page: SessionPage = server.get(&format!("/v1/sessions?from={from}"))?;
        for session in &page.sessions {
            if arguments.json {
                print(&json(session))?;
                continue;
            }
            let SessionLine { account, is_logged_in, peer, listener, age_s, output_bytes } =
                session;
            let account = account.as_deref().unwrap_or("-");
            let is_logged_in = if *is_logged_in { "yes" } else { "no" };
            print(&format!(
                "{account}\t{is_logged_in}\t{listener}\t{peer}\t{age_s}\t{output_bytes}"
            ))?;
        }
        next = page.next;
    }
    Ok(())
}

/// Ends sessions, and prints how many.
pub(crate) fn kick(arguments: &KickArguments) -> Result<(), RunningError> {
    let (whose, shown) = match (&arguments.name, &arguments.address) {
        (_, Some(address)) => {
            let prefix = address.parse::<IpNet>().or_else(|_| address.parse().map(one));
            let prefix = prefix.map_err(|_| RunningError::Address(address.clone()))?;
            (Whose::Addresses(prefix), address.clone())
        }
        (name, None) => {
            let name = name.clone().unwrap_or_default();
            let known = Name::new(&name).map_err(|cause| RunningError::Name { name, cause })?;
            (Whose::Account(known.to_string()), known.to_string())
        }
    };
    let Kicked { sessions } = arguments.server.connect()?.post("/v1/kick", &whose)?;
    let word = if sessions == 1 { "session" } else { "sessions" };
    print(&format!("ended {sessions} {word} of {shown}"))
}

/// The prefix of one address.
fn one(address: IpAddr) -> IpNet {
    address.into()
}

fn json(of: &impl serde::Serialize) -> String {
    serde_json::to_string(of).expect("what was JSON can be JSON")
}

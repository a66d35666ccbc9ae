//! `postroom kick`.

use std::net::IpAddr;

use clap::Args;
use ipnet::IpNet;
use postroom_model::Name;
use postroom_web::{Kicked, Whose};

use super::{RunningError, Where, print};

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

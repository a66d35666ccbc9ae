//! `postroom kick`.

use clap::Args;
use postroom_web::{Kicked, Whom, Whose};

use super::{RunningError, print};
use crate::folder_arguments::FolderArguments;
use crate::whom::{WhomArguments, shown};

/// The command line of `postroom kick`.
#[derive(Debug, Args)]
pub(crate) struct KickArguments {
    #[command(flatten)]
    folder: FolderArguments,
    #[command(flatten)]
    whose: WhomArguments,
}

/// Ends sessions, and prints how many.
pub(crate) fn kick(arguments: &KickArguments) -> Result<(), RunningError> {
    let whom = arguments.whose.whom()?;
    let subject = shown(&whom);
    let whose = match whom {
        Whom::Name(name) => Whose::Account(name),
        Whom::Addresses(prefix) => Whose::Addresses(prefix),
    };
    let Kicked { sessions } = arguments.folder.connect()?.post("/v1/kick", &whose)?;
    print(&match sessions {
        0 => format!("{subject} has no session; nothing was ended"),
        1 => format!("ended 1 session of {subject}"),
        sessions => format!("ended {sessions} sessions of {subject}"),
    })
}

//! The answers of `chat` about private channels.

use std::io::Write as _;

use postroom_model::{Channel, ManageRefusal, Managed};

pub(super) fn write_managed(
    answer: &mut Vec<u8>,
    channel: &Channel,
    managed: &Managed,
) -> std::io::Result<()> {
    match managed {
        Managed::MadePrivate => writeln!(
            answer,
            "{channel} is private now: those whom you /invite can /join it, read it and speak in \
             it."
        ),
        Managed::Invitation { name, is_invited: true, is_new: true } => {
            writeln!(answer, "{name} can join {channel} now.")
        }
        Managed::Invitation { name, is_invited: true, is_new: false } => {
            writeln!(answer, "{name} can join {channel} already.")
        }
        Managed::Invitation { name, is_invited: false, is_new: true } => {
            writeln!(answer, "{name} can no longer join {channel}.")
        }
        Managed::Invitation { name, is_invited: false, is_new: false } => {
            writeln!(answer, "You have not invited {name} to {channel}.")
        }
        Managed::Invited { names, .. } if names.is_empty() => {
            writeln!(answer, "You have invited nobody to {channel}.")
        }
        Managed::Invited { names, .. } => {
            writeln!(answer, "Invited to {channel}:")?;
            names.iter().try_for_each(|name| writeln!(answer, "{name}"))
        }
        Managed::KeySet { has_key: true } => {
            writeln!(answer, "{channel} has this key now: who knows it can /join {channel} KEY.")
        }
        Managed::KeySet { has_key: false } => writeln!(answer, "{channel} has no key now."),
        // Who joins with a key is told that.
        Managed::Admitted => writeln!(answer, "You can join {channel} now."),
        Managed::Deleted { posts } => {
            let posted = if *posts == 1 { "post" } else { "posts" };
            writeln!(answer, "{channel} is deleted, with {posts} {posted}.")
        }
    }
}

pub(super) fn write_manage_refusal(
    answer: &mut Vec<u8>,
    channel: &Channel,
    refusal: ManageRefusal,
) -> std::io::Result<()> {
    match refusal {
        ManageRefusal::HasNoPassword => writeln!(
            answer,
            "Only an account with a password can have a private channel; ask the operator for \
             one."
        ),
        ManageRefusal::Exists => {
            writeln!(answer, "{channel} exists already: choose another name.")
        }
        ManageRefusal::TooManyOfAccount => {
            writeln!(answer, "You have too many private channels; /delete one first.")
        }
        ManageRefusal::TooManyChannels => {
            writeln!(answer, "{channel} was not made: the server takes no more private channels.")
        }
        ManageRefusal::MayNotCreate => writeln!(
            answer,
            "{channel} was not made: you have created too many hashtags lately. Try again later."
        ),
        ManageRefusal::NotCreator => {
            writeln!(answer, "You have made no private channel {channel}.")
        }
        ManageRefusal::WrongKey => writeln!(answer, "That is not the key of {channel}."),
        ManageRefusal::MayNotBeInvited => {
            writeln!(answer, "Nobody was invited: there is no such user with a password.")
        }
        ManageRefusal::TooManyInvited => {
            writeln!(answer, "{channel} has too many users; its creator can /uninvite one first.")
        }
        ManageRefusal::DiskFull => {
            writeln!(answer, "Nothing was changed: the server's disk is full.")
        }
    }
}

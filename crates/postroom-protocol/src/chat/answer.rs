//! The answers of `chat`, and the lines of events.

use std::io::Write as _;

use super::private::{write_manage_refusal, write_managed};
use crate::dialogue::password_refusal;
use postroom_model::{
    Author, BlockRefusal, Blocked, Channel, ComposeRefusal, Delivery, LogInRefusal, Name, NotTold,
    PostRefusal, Posted, Reply, Told, push_lines,
};

pub(super) const NOT_FOUND: &str = "User not found\n";

/// Maximum names in the answer to `/allusers`; it gives the number of the others. No
/// protocol lists more.
pub const LISTED_MAX: usize = 2_000;

/// The command behind a request, with the names that its answer contains.
#[derive(Debug)]
pub(super) enum Asked {
    Enter,
    AllUsers,
    All,
    Private,
    Join(Channel),
    Leave(Channel),
    Say(Channel),
    /// A command about a private channel.
    Manage(Channel),
    Inbox,
    Read,
    Send(Box<Name>),
    Passwd,
    Block,
    Blocked,
}

/// Appends the answer to a request.
pub(super) fn write_answer(
    answer: &mut Vec<u8>,
    asked: &Asked,
    reply: Reply,
) -> std::io::Result<()> {
    match (asked, reply) {
        (Asked::Enter, Reply::LoggedIn { name, .. }) => {
            writeln!(answer, "Username accepted. Welcome, {name}; type /cmd for the commands.")
        }
        (Asked::Enter, Reply::LogInRefused(refusal)) => write_log_in_refusal(answer, refusal),
        (_, Reply::NotPosted(refusal)) => write_post_refusal(answer, refusal),
        (_, Reply::NotTold(NotTold::Absent | NotTold::Undelivered)) => {
            answer.write_all(NOT_FOUND.as_bytes())
        }
        (Asked::AllUsers, Reply::Present(names)) => write_users(answer, &names),
        (Asked::Join(channel), Reply::Joined) => writeln!(answer, "You are in {channel} now."),
        (Asked::Join(channel), Reply::NotJoined) => {
            writeln!(answer, "You are in too many channels to join {channel}; /leave one first.")
        }
        (Asked::Join(channel), Reply::NotInvited) => {
            writeln!(
                answer,
                "You cannot join {channel}: it is private. Ask for its key, or to be invited."
            )
        }
        (Asked::Manage(channel), Reply::ChannelManaged(managed)) => {
            write_managed(answer, channel, managed.get())
        }
        (Asked::Manage(channel) | Asked::Join(channel), Reply::ChannelNotManaged(refusal)) => {
            write_manage_refusal(answer, channel, refusal)
        }
        (Asked::Leave(channel), Reply::Left(true)) => writeln!(answer, "You have left {channel}."),
        (Asked::Leave(channel), Reply::Left(false)) => {
            writeln!(answer, "You are not in {channel}.")
        }
        (Asked::Say(channel), Reply::Posted(_)) => writeln!(answer, "Said in {channel}."),
        (Asked::Inbox, Reply::Unread(count)) => writeln!(answer, "You have {}.", unread(count)),
        (Asked::Read, Reply::Read(Delivery { sender, text, .. })) => {
            push_lines(answer, &text, |line| {
                line.extend_from_slice(b"from ");
                line.extend_from_slice(sender.as_str().as_bytes());
                line.extend_from_slice(b": ");
            });
            Ok(())
        }
        (Asked::Read, Reply::NothingUnread) => writeln!(answer, "You have no unread messages."),
        (Asked::Send(_), Reply::Composed(receipt)) => {
            writeln!(answer, "Message left for {}.", receipt.get().recipient)
        }
        (Asked::Send(name), Reply::NotComposed(refusal)) => {
            write_send_refusal(answer, name, &refusal)
        }
        (Asked::Passwd, Reply::PasswordChanged(_)) => {
            writeln!(answer, "Your password is changed.")
        }
        (Asked::Passwd, Reply::PasswordNotChanged(refusal)) => {
            writeln!(answer, "Your password was not changed: {}.", password_refusal(refusal))
        }
        (Asked::Block, Reply::BlockSet(set)) => write_block(answer, set.get()),
        (Asked::Block, Reply::NotBlocked(refusal)) => write_block_refusal(answer, refusal),
        (Asked::Blocked, Reply::BlockedNames(names)) => write_blocked(answer, &names),
        // No answer: the sender knows its own line.
        (Asked::All | Asked::Private, Reply::Posted(_) | Reply::Told) => Ok(()),
        (asked, _) => write_unavailable(answer, asked),
    }
}

fn write_unavailable(answer: &mut Vec<u8>, asked: &Asked) -> std::io::Result<()> {
    match asked {
        Asked::Enter => write!(answer, "You cannot come in at present."),
        Asked::All | Asked::Private | Asked::Say(_) => {
            write!(answer, "Nothing was said: the server cannot take it at present.")
        }
        Asked::Send(name) => {
            write!(answer, "No message was left for {name}: the server cannot store it at present.")
        }
        Asked::Passwd => {
            write!(answer, "Your password was not changed: the server cannot store it at present.")
        }
        Asked::AllUsers
        | Asked::Join(_)
        | Asked::Leave(_)
        | Asked::Manage(_)
        | Asked::Inbox
        | Asked::Read
        | Asked::Block
        | Asked::Blocked => {
            write!(answer, "The server cannot do that at present.")
        }
    }?;
    answer.write_all(b" Try again in a moment.\n")
}

fn write_block(answer: &mut Vec<u8>, set: &Blocked) -> std::io::Result<()> {
    let Blocked { sender, is_blocked, is_new } = set;
    match (is_blocked, is_new) {
        (true, true) => writeln!(answer, "{sender} can no longer write to you."),
        (true, false) => writeln!(answer, "You have blocked {sender} already."),
        (false, true) => writeln!(answer, "{sender} can write to you again."),
        (false, false) => writeln!(answer, "You have not blocked {sender}."),
    }
}

fn write_block_refusal(answer: &mut Vec<u8>, refusal: BlockRefusal) -> std::io::Result<()> {
    answer.write_all(match refusal {
        BlockRefusal::HasNoPassword => {
            b"Only an account with a password can block others; ask the operator for one.\n"
        }
        BlockRefusal::TooMany => b"Too many users are blocked; /unblock one first.\n",
    })
}

fn write_blocked(answer: &mut Vec<u8>, names: &[Name]) -> std::io::Result<()> {
    if names.is_empty() {
        return writeln!(answer, "You have blocked nobody.");
    }
    writeln!(answer, "Blocked users:")?;
    names.iter().try_for_each(|name| writeln!(answer, "{name}"))
}

fn write_log_in_refusal(answer: &mut Vec<u8>, refusal: LogInRefusal) -> std::io::Result<()> {
    answer.write_all(match refusal {
        LogInRefusal::Present => b"That username is taken. Choose another: /setname NAME.\n",
        LogInRefusal::NoPassword | LogInRefusal::Password | LogInRefusal::Banned => {
            b"That username is taken. Choose another, or give its password with /pass PASSWORD \
              before /setname NAME.\n"
        }
        LogInRefusal::LooksAlike => {
            b"That username is taken: it looks like another one. Choose another: /setname NAME.\n"
        }
        LogInRefusal::Busy => b"Too many logins at the same time. Try again in a moment.\n",
        LogInRefusal::TooManyAccounts => {
            b"The server takes no more new users. Choose a name that it knows.\n"
        }
        LogInRefusal::DiskFull => {
            b"The server's disk is full: it takes no new users. Choose a name that it knows.\n"
        }
        LogInRefusal::MayNotCreate => {
            b"You have created too many users lately. Choose a name that the server knows, or \
              try again later.\n"
        }
    })
}

fn write_post_refusal(answer: &mut Vec<u8>, refusal: PostRefusal) -> std::io::Result<()> {
    answer.write_all(match refusal {
        PostRefusal::DiskFull => b"Nothing was said: the server's disk is full.\n",
        PostRefusal::TooManyChannels => b"Nothing was said: the server takes no new hashtags.\n",
        PostRefusal::NotInvited => {
            b"Nothing was said: the channel is private, and you are not invited.\n"
        }
        PostRefusal::AuthorDeleted => b"Nothing was said: your account was deleted.\n",
        PostRefusal::MayNotCreate => {
            b"Nothing was said: you have created too many hashtags lately. Use one that exists, \
              or try again later.\n"
        }
    })
}

fn write_send_refusal(
    answer: &mut Vec<u8>,
    name: &Name,
    refusal: &ComposeRefusal,
) -> std::io::Result<()> {
    match refusal {
        ComposeRefusal::MailboxFull { recipient, capacity, .. } => {
            writeln!(answer, "No message was left: {recipient} has {} already.", unread(*capacity))
        }
        ComposeRefusal::DiskFull => {
            writeln!(answer, "No message was left for {name}: the server's disk is full.")
        }
        ComposeRefusal::Unknown => {
            writeln!(answer, "No message was left: there is no user {name}.")
        }
        ComposeRefusal::LooksAlike => {
            writeln!(answer, "No message was left: {name} is new, and looks like another user.")
        }
        ComposeRefusal::TooManyAccounts => {
            writeln!(answer, "No message was left: {name} is new, and the server takes no more.")
        }
        ComposeRefusal::MayNotCreate => writeln!(
            answer,
            "No message was left: {name} is new, and you have created too many users lately. Try \
             again later."
        ),
    }
}

fn unread(count: u32) -> String {
    if count == 1 { "1 unread message".to_owned() } else { format!("{count} unread messages") }
}

fn write_users(answer: &mut Vec<u8>, names: &[Name]) -> std::io::Result<()> {
    answer.write_all(b"Users in chat:\n")?;
    for name in names.iter().take(LISTED_MAX) {
        writeln!(answer, "{name}")?;
    }
    match names.len().saturating_sub(LISTED_MAX) {
        0 => Ok(()),
        more => writeln!(answer, "(and {more} more)"),
    }
}

/// Appends the lines of a post.
pub(super) fn push_post(posted: &Posted, lines: &mut Vec<u8>) {
    posted.shown().push_lines(lines, |line| {
        match &posted.post().author {
            Author::Account(name) => line.extend_from_slice(name.as_str().as_bytes()),
            board @ (Author::Board | Author::Web) => {
                line.extend_from_slice(board.to_string().as_bytes());
            }
        }
        if !posted.channel.is_lobby() {
            line.extend_from_slice(b"(#");
            line.extend_from_slice(posted.channel.as_str().as_bytes());
            line.push(b')');
        }
        line.extend_from_slice(b": ");
    });
}

/// Appends the lines of a private text.
pub(super) fn push_told(lines: &mut Vec<u8>, told: &Told) {
    push_lines(lines, &told.text, |line| {
        line.extend_from_slice(told.sender.as_str().as_bytes());
        line.extend_from_slice(b"(private): ");
    });
}

/// Appends the line that stands for posts that the client was too slow to get. No name
/// begins with a parenthesis.
pub(super) fn push_missed(line: &mut Vec<u8>, channel: &Channel, missed: u64) {
    let posts = if missed == 1 { "post" } else { "posts" };
    // Writing to memory does not fail.
    let _ = writeln!(line, "({missed} {posts} missed in {channel})");
}

/// Appends the line that tells that the client is in a channel no more.
pub(super) fn push_taken_out(line: &mut Vec<u8>, channel: &Channel) {
    // Writing to memory does not fail.
    let _ = writeln!(line, "(you are no longer in {channel})");
}

/// Appends the line that stands for lines that the client was too slow to get.
pub(super) fn push_missed_lines(line: &mut Vec<u8>, missed: u64) {
    let lines = if missed == 1 { "line" } else { "lines" };
    // Writing to memory does not fail.
    let _ = writeln!(line, "({missed} {lines} missed)");
}

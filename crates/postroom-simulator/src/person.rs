//! Who connects: the accounts, and how their clients behave.

use std::net::IpAddr;

use postroom_model::Access;

use crate::random::Random;

/// Accounts without a password, unless a seed gives all one.
pub(crate) const OPEN: [&str; 4] = ["ann", "bob", "cat", "dan"];
/// Accounts with a password from the beginning: im asks for one.
pub(crate) const LOCKED: [&str; 3] = ["ian", "ida", "ike"];
/// Names that nobody has at first.
pub(crate) const NEW: [&str; 6] = ["new1", "new2", "new3", "new4", "new5", "new6"];
/// Accounts that an operator deletes; with a password at first.
pub(crate) const DOOMED: [&str; 2] = ["del1", "del2"];
/// Names among which an operator renames accounts; the first one has a password at first.
pub(crate) const MOVED: [&str; 3] = ["mov1", "mov2", "mov3"];
/// A sender that has no account, and gets none.
pub(crate) const STRANGER: &str = "old1";
/// Hashtags.
pub(crate) const HASHTAGS: [&str; 3] = ["#rust", "#go", "#c"];
/// The channel of all who are present.
pub(crate) const LOBBY: &str = "#lobby";

/// A listener's protocol.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Speaks {
    Mailbox,
    MailboxVerbose,
    Im,
    Board,
    Chat,
}

impl Speaks {
    pub(crate) const ALL: [Self; 5] =
        [Self::Mailbox, Self::MailboxVerbose, Self::Im, Self::Board, Self::Chat];

    /// Whether a pause ends what the client says.
    pub(crate) fn has_pauses(self) -> bool {
        matches!(self, Self::MailboxVerbose | Self::Board)
    }

    /// The protocol's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Mailbox => "mailbox",
            Self::MailboxVerbose => "mailbox-verbose",
            Self::Im => "im",
            Self::Board => "board",
            Self::Chat => "chat",
        }
    }
}

/// How a client behaves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Manners {
    /// It waits for each answer, reads at once, and leaves in order.
    Polite,
    /// It sends several lines at once, and reads at once.
    Pipelining,
    /// It reads a few bytes from time to time.
    Slow,
    /// It sends as much as it can, and reads at once.
    Flooding,
    /// It resets, half-closes, sends nonsense, and leaves without a word.
    Rude,
    /// It reads nothing once it is let in.
    Deaf,
}

/// Whether an operator may rename or delete an account.
pub(crate) fn is_aside(name: &str) -> bool {
    DOOMED.contains(&name) || MOVED.contains(&name)
}

/// An account that an operator may rename or delete.
pub(crate) fn pick_aside(random: &mut Random) -> &'static str {
    if random.chance(500) { random.pick(&DOOMED) } else { random.pick(&MOVED) }
}

/// Somebody with a client.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) speaks: Speaks,
    pub(crate) name: &'static str,
    pub(crate) manners: Manners,
    pub(crate) address: IpAddr,
    /// What its listener lets it do.
    pub(crate) access: Access,
    /// It changes its password again and again.
    pub(crate) is_restless: bool,
}

impl Person {
    /// Somebody, as the seed has it.
    pub(crate) fn new(random: &mut Random) -> Self {
        let speaks = random.pick(&Speaks::ALL);
        let name = match speaks {
            Speaks::Im => random.pick(&LOCKED),
            _ if random.chance(200) => random.pick(&LOCKED),
            _ => random.pick(&OPEN),
        };
        let manners = match random.below(10) {
            0..5 => Manners::Polite,
            5 => Manners::Pipelining,
            6 => Manners::Slow,
            7 => Manners::Flooding,
            8 => Manners::Rude,
            _ => Manners::Deaf,
        };
        let host = u8::try_from(random.between(1, 3)).unwrap_or(1);
        let address = if random.chance(500) {
            IpAddr::from([127, 0, 0, host])
        } else {
            IpAddr::from([192, 0, 2, host])
        };
        Self { speaks, name, manners, address, access: Access::OPEN, is_restless: false }
    }

    /// Whether it registers its name, if that is new.
    pub(crate) fn is_new(&self) -> bool {
        NEW.contains(&self.name)
    }

    /// Whether an operator may rename or delete its account.
    pub(crate) fn is_aside(&self) -> bool {
        is_aside(self.name)
    }

    /// Whether its next client says nothing.
    pub(crate) fn is_mute(&self, random: &mut Random) -> bool {
        matches!(self.manners, Manners::Rude | Manners::Deaf) && random.chance(200)
    }

    /// Lines that it has said and that are not answered, at most.
    pub(crate) fn lines_at_once(&self) -> usize {
        match self.manners {
            Manners::Polite => 1,
            Manners::Rude => 3,
            Manners::Slow => 12,
            Manners::Pipelining => 6,
            Manners::Flooding => 40,
            // More than may wait for it.
            Manners::Deaf => 400,
        }
    }
}

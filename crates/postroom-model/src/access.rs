//! What a listener lets its clients do.

/// Who may log in at a listener, register there, or use it without a name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Access {
    /// Who may register.
    pub registration: Registration,
    /// Who needs a password.
    pub passwords: Passwords,
    /// What those may do who do not log in.
    pub anonymous: Anonymous,
}

/// Who may register an account.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Registration {
    /// Anyone.
    Open,
    /// No one. The operator adds accounts.
    Closed,
}

/// Who needs a password to log in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Passwords {
    /// Accounts that have one.
    Optional,
    /// All accounts. To one that has no password nobody can log in.
    Required,
}

/// What clients may do without a login, on a protocol that has [guests](Guest).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Anonymous {
    /// Read channels, post, and leave messages.
    Post,
    /// Read channels alone.
    Read,
    /// Nothing.
    None,
}

/// Who clients are that use a protocol without a login.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Guest {
    /// Clients of the board: they post as `@board`, and leave no messages.
    Board,
    /// Clients of HTTP: they post, and leave messages, as `@web`.
    Web,
}

/// Why a session may not ask for something.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Forbidden {
    /// It has not logged in, and the listener does not let such clients do that.
    Anonymous,
}

impl Access {
    /// Anyone may do anything.
    pub const OPEN: Self = Self {
        registration: Registration::Open,
        passwords: Passwords::Optional,
        anonymous: Anonymous::Post,
    };

    /// Whether an unknown name may become an account that has no password. Where passwords
    /// are required, nobody could ever log in to it, the owner of that name included.
    #[must_use]
    pub fn registers_without_password(self) -> bool {
        self.registration == Registration::Open && self.passwords == Passwords::Optional
    }
}

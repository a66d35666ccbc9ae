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

/// What clients may do on a protocol without a login.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Anonymous {
    /// Read and post.
    Post,
    /// Read alone.
    Read,
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

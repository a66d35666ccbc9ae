//! Listeners, as far as the engine knows them.

use std::fmt;

use postroom_model::Access;
use postroom_protocol::Protocol;

/// What connections inherit from the listener that accepted them.
#[derive(Clone, Copy, Debug)]
pub struct Listener {
    /// The protocol spoken there.
    pub protocol: &'static Protocol,
    /// What else may differ from listener to listener.
    pub options: ListenerOptions,
}

/// The options of one listener.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ListenerOptions {
    /// What proves that a message arrived.
    pub proof: Proof,
    /// Whether clients that ask for it are dialled back.
    pub dials_back: bool,
    /// What clients may do.
    pub access: Access,
    /// Whether a connection begins with a header of the PROXY protocol, which tells whose it
    /// is.
    pub proxy_header: bool,
    /// Whether its connections are TLS: to the engine that is a part of its name.
    pub tls: bool,
}

/// The name of a listener, for the log: `mailbox`, or `mailbox+tls`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ListenerName {
    protocol: &'static str,
    tls: bool,
}

impl Listener {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> ListenerName {
        ListenerName { protocol: self.protocol.name, tls: self.options.tls }
    }
}

impl fmt::Display for ListenerName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.protocol)?;
        if self.tls { formatter.write_str("+tls") } else { Ok(()) }
    }
}

/// What proves that a message handed out has arrived.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Proof {
    /// A further line, or the end of the client's side, once the client's
    /// operating system has acknowledged all answers.
    #[default]
    Tcp,
    /// A further line alone: behind a proxy acknowledgements and ends are the
    /// proxy's.
    Command,
}

impl Default for ListenerOptions {
    fn default() -> Self {
        Self {
            proof: Proof::default(),
            dials_back: true,
            access: Access::OPEN,
            proxy_header: false,
            tls: false,
        }
    }
}

/// One of the listeners of an engine.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ListenerKey(pub(crate) u16);

impl ListenerKey {
    pub(crate) fn index(self) -> usize {
        self.0.into()
    }
}

/// All listeners, by their keys.
#[derive(Debug, Default)]
pub(crate) struct Listeners(Vec<Listener>);

impl Listeners {
    pub(crate) fn add(&mut self, listener: Listener) -> ListenerKey {
        self.0.push(listener);
        // There are never as many listeners as numbers of 16 bits.
        ListenerKey(u16::try_from(self.0.len() - 1).unwrap_or(u16::MAX))
    }

    pub(crate) fn get_mut(&mut self, key: ListenerKey) -> &mut Listener {
        &mut self.0[usize::from(key.0)]
    }

    pub(crate) fn get(&self, key: ListenerKey) -> &Listener {
        &self.0[key.index()]
    }
}

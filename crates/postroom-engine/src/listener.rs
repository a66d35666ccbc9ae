//! Listeners, as far as the engine knows them.

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
        let (proof, dials_back) = (Proof::default(), true);
        Self { proof, dials_back, proxy_header: false, access: Access::OPEN }
    }
}

/// One of the listeners of an engine.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ListenerKey(pub(crate) u16);

/// All listeners, by their keys.
#[derive(Debug, Default)]
pub(crate) struct Listeners(Vec<Listener>);

impl Listeners {
    pub(crate) fn add(&mut self, listener: Listener) -> ListenerKey {
        self.0.push(listener);
        // There are never as many listeners as numbers of 16 bits.
        ListenerKey(u16::try_from(self.0.len() - 1).unwrap_or(u16::MAX))
    }

    pub(crate) fn get(&self, key: ListenerKey) -> &Listener {
        &self.0[usize::from(key.0)]
    }
}

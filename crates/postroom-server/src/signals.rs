//! The signals that stop a server or make it reread its passwords, and SIGUSR1, which
//! it ignores.

use std::io;

use mio::{Interest, Registry, Token};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook_mio::v1_0::Signals;

/// Signals with their default action replaced. The server catches them before it gives
/// any sign of starting, so that no signal ends it halfway.
pub struct CaughtSignals(Signals);

impl CaughtSignals {
    /// Installs the signal handlers.
    pub fn catch() -> io::Result<Self> {
        Signals::new([SIGINT, SIGTERM, SIGHUP, SIGUSR1]).map(Self)
    }

    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(&mut self.0, token, Interest::READABLE)
    }

    pub(crate) fn pending(&mut self) -> impl Iterator<Item = i32> + use<> {
        self.0.pending()
    }
}

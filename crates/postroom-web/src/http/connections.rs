//! Which connections there are, and which gives way to a new one where there are as many as
//! there may be: one that waits for nothing, of the address with most of them.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use postroom_engine::HttpConnection;
use tokio::task::AbortHandle;

use super::link::Link;
use crate::places::Asks;

/// How often it is logged that there are as many connections as there may be.
const LOG_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// All connections.
#[derive(Debug)]
pub(super) struct Connections {
    link: Arc<Link>,
    most: usize,
    all: Mutex<All>,
}

#[derive(Debug, Default)]
struct All {
    /// From the oldest on.
    places: BTreeMap<HttpConnection, Taken>,
    addresses: HashMap<IpAddr, usize>,
    full: Full,
}

/// What became of connections where there were as many as there may be, since it was logged.
#[derive(Debug, Default)]
struct Full {
    closed: u64,
    refused: u64,
    logged: Option<Instant>,
}

#[derive(Debug)]
struct Taken {
    address: IpAddr,
    asks: Asks,
    task: Option<AbortHandle>,
}

/// The place of a connection. Once this is dropped, the connection has none any more, and the
/// event loop knows that it is closed.
#[derive(Debug)]
pub(super) struct Place {
    connections: Arc<Connections>,
    connection: HttpConnection,
}

impl Connections {
    pub(super) fn new(link: Arc<Link>, most: usize) -> Self {
        Self { link, most, all: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, All> {
        // Nothing panics while it has the lock.
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place for a connection of a client at this address; `None` if there is none.
    pub(super) fn take(
        self: &Arc<Self>,
        connection: HttpConnection,
        address: IpAddr,
        asks: &Asks,
    ) -> Option<Place> {
        let mut all = self.lock();
        if all.places.len() >= self.most {
            let has_place = all.make_place();
            all.full.tell(has_place, self.most);
            if !has_place {
                return None;
            }
        }
        let place = Taken { address, asks: asks.clone(), task: None };
        all.places.insert(connection, place);
        *all.addresses.entry(address).or_default() += 1;
        Some(Place { connections: Arc::clone(self), connection })
    }

    /// The connection is served by this task.
    pub(super) fn served_by(&self, connection: HttpConnection, task: AbortHandle) {
        if let Some(place) = self.lock().places.get_mut(&connection) {
            place.task = Some(task);
        }
    }

    /// Closes a connection.
    pub(super) fn close(&self, connection: HttpConnection) {
        self.lock().close(connection);
    }
}

impl Full {
    /// A connection was closed for a new one, or a new one is refused.
    fn tell(&mut self, has_place: bool, most: usize) {
        if has_place {
            self.closed += 1;
        } else {
            self.refused += 1;
        }
        if self.logged.is_none_or(|logged| logged.elapsed() >= LOG_AGAIN_AFTER) {
            let Self { closed, refused, .. } = *self;
            tracing::warn!(
                listener = "http",
                closed,
                refused,
                "there are as many connections as there may be ({most}, half of connection.max): \
                 those that wait for nothing are closed for new ones"
            );
            *self = Self { logged: Some(Instant::now()), ..Self::default() };
        }
    }
}

impl All {
    /// Closes a connection that waits for nothing; returns whether there was one.
    fn make_place(&mut self) -> bool {
        let most = self.addresses.iter().max_by_key(|(_, connections)| **connections);
        let most = most.map(|(address, _)| *address);
        let is_idle = |place: &Taken| !place.asks.get();
        let find = |is: &dyn Fn(&Taken) -> bool| {
            self.places.iter().find(|(_, place)| is(place)).map(|(connection, _)| *connection)
        };
        let idle = find(&|place| is_idle(place) && Some(place.address) == most);
        let Some(closed) = idle.or_else(|| find(&is_idle)) else {
            return false;
        };
        self.close(closed);
        true
    }

    fn close(&mut self, connection: HttpConnection) {
        let Some(place) = self.places.remove(&connection) else {
            return;
        };
        if let Some(connections) = self.addresses.get_mut(&place.address) {
            *connections -= 1;
            if *connections == 0 {
                self.addresses.remove(&place.address);
            }
        }
        if let Some(task) = place.task {
            task.abort();
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.close(self.connection);
        self.connections.link.closed(self.connection);
    }
}

//! The thread that serves HTTP.

use std::io;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use postroom_engine::HttpOutput;
use postroom_server::{HttpDriver, HttpGate, ToHttp};
use tokio::runtime;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;

use super::answers::Answers;
use super::connection::{Common, serve};
use super::connections::Connections;
use super::feeds::Feeds;
use super::guard::HttpSettings;
use super::histories::{Histories, HistorySource, READERS_MAX};
use super::link::Link;
use super::routes::router;
use super::streams::Streams;
use crate::places::Asks;

/// Tasks that have their turn before new input of others is looked for: some may be busy with
/// clients that send without end.
const TURN_TASKS: u32 = 16;
/// How long a stop waits for a page.
const READ_LIMIT: Duration = Duration::from_secs(1);

/// The way from the event loop to the thread of HTTP: what is in it is bounded by the
/// connections and requests that there are.
#[derive(Debug)]
pub struct HttpChannel(UnboundedReceiver<ToHttp>);

#[derive(Debug)]
struct Driver(UnboundedSender<ToHttp>);

impl HttpDriver for Driver {
    fn tell(&mut self, told: ToHttp) {
        // Without the thread, connections are closed as soon as they are dropped.
        let _ = self.0.send(told);
    }
}

/// Makes a way from the event loop to the thread.
#[must_use]
pub fn http_channel() -> (Box<dyn HttpDriver>, HttpChannel) {
    let (sender, receiver) = unbounded_channel();
    (Box::new(Driver(sender)), HttpChannel(receiver))
}

/// The thread that serves the HTTP listeners.
#[derive(Debug)]
pub struct HttpThread(JoinHandle<()>);

impl HttpThread {
    /// Serves connections on a thread of its own, at most so many.
    pub fn start(
        channel: HttpChannel,
        gate: HttpGate,
        settings: HttpSettings,
        histories: Box<dyn HistorySource>,
        connections_max: usize,
    ) -> io::Result<Self> {
        let runtime = runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .event_interval(TURN_TASKS)
            .max_blocking_threads(READERS_MAX)
            .build()?;
        let thread = Builder::new().name("http".to_owned());
        let (stop, stops) = watch::channel(false);
        let link = Arc::new(Link::new(gate.clone()));
        let connections = Arc::new(Connections::new(Arc::clone(&link), connections_max));
        let common = Common {
            link,
            settings,
            router: router(),
            stops,
            feeds: Arc::new(Feeds::new(gate)),
            histories: Arc::new(Histories::new(histories)),
            // The rest is for requests.
            streams: Streams::new(connections_max / 4 * 3),
            answers: Arc::new(Answers::new(Arc::clone(&connections))),
        };
        let run = async move { run(channel, Arc::new(common), stop, connections).await };
        let handle = thread.spawn(move || {
            runtime.block_on(run);
            // A page takes milliseconds, unless the disk hangs.
            runtime.shutdown_timeout(READ_LIMIT);
        })?;
        Ok(Self(handle))
    }

    /// Waits until the thread ends: it does once the server has ended.
    pub fn join(self) {
        if self.0.join().is_err() {
            tracing::error!(thread = "http", "a thread has panicked");
        }
    }
}

/// Takes what the event loop tells, until that ends.
async fn run(
    HttpChannel(mut told): HttpChannel,
    common: Arc<Common>,
    stop: watch::Sender<bool>,
    connections: Arc<Connections>,
) {
    let link = Arc::clone(&common.link);
    while let Some(told) = told.recv().await {
        match told {
            ToHttp::Connection(handover) => {
                let (connection, asks) = (handover.connection, Asks::default());
                let address = handover.peer.ip().to_canonical();
                let Some(place) = connections.take(connection, address, &asks) else {
                    link.closed(connection);
                    continue;
                };
                let served = serve(Arc::clone(&common), *handover, place, asks);
                connections.served_by(connection, tokio::spawn(served).abort_handle());
            }
            ToHttp::Told(outputs) => {
                for output in outputs {
                    match output {
                        HttpOutput::Close(connection) => connections.close(connection),
                        HttpOutput::Post(posted) => common.feeds.take(&posted),
                        HttpOutput::PostDeleted { channel, id, is_private } => {
                            common.feeds.delete(&channel, id, is_private);
                        }
                        HttpOutput::Gone(channel) => common.feeds.end(&channel),
                        HttpOutput::Withheld(channel, id) => common.feeds.withhold(&channel, id),
                        output => link.take(output),
                    }
                }
            }
            // Nobody is left to be told.
            ToHttp::Stop => drop(stop.send(true)),
        }
    }
}

//! `postroom serve`.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use postroom_model::{Author, Channel, Post, Text};
use postroom_server::{
    Administrator, BoundListener, CaughtSignals, ListenError, ListenerSettings, Parts, PassedError,
    PassedSockets, Passwords, Server, ServerError, ServerSettings, ServiceManager, TlsSettings,
    open_listeners, raise_descriptor_limit,
};
use postroom_store::{Call, Completion, Outcome, Store as _, StoreFailure, Ticket};
use postroom_store_sqlite::{Checkpointer, DataFolder, OpenError, SqliteStore};
use postroom_web::{
    AdminSocket, AdminThread, Archive, HttpSettings, HttpThread, MetricsError, MetricsListener,
    Served, http_channel,
};

use crate::archive::{Histories, StoreArchive};
use crate::config::{Config, ConfigError, ListenerError, SettingsArguments, TlsError};
use crate::desk;
use crate::log::{self, Log};
use crate::passwords::{self, PasswordFileError};
use crate::reload::Reloading;
use crate::report::ReportFile;

/// Descriptors reserved for everything but connections: listeners, the store, the log.
const OTHER_DESCRIPTORS: usize = 64;

/// Why the server did not start, would not, or ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Listener(#[from] ListenerError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error(transparent)]
    Passed(#[from] PassedError),
    #[error(transparent)]
    Store(#[from] OpenError),
    #[error(transparent)]
    Server(#[from] ServerError),
    #[error(transparent)]
    Passwords(#[from] PasswordFileError),
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    #[error("cannot serve HTTP: {0}")]
    Http(io::Error),
    #[error("cannot catch signals: {0}")]
    Signals(io::Error),
    #[error("cannot empty the board: {0}")]
    Board(StoreFailure),
    #[error("cannot write to standard output: {0}")]
    Output(io::Error),
}

/// Runs the server until a signal stops it.
pub(crate) fn serve(arguments: &SettingsArguments) -> Result<(), ServeError> {
    let passed = PassedSockets::take()?;
    let config = arguments.load()?;
    let (log, _guard) = log::start(config.log.format, config.log.level()?);
    let mut report = ReportFile::open(&config.report, config.report_bytes_max);
    match prepare(arguments, &config, passed) {
        Ok(prepared) => {
            report.empty();
            prepared.run(&config, log, report)
        }
        Err(error) => {
            report.could_not_start(&error);
            Err(error)
        }
    }
}

/// Refuses settings with which [`serve`] would not start, and opens no port and no folder.
pub(crate) fn check_settings(config: &Config) -> Result<(), ServeError> {
    let listeners = config.listeners()?;
    config.http()?;
    read_files(config, &listeners).map(|_| ())
}

/// Reads the files that the settings name.
fn read_files(
    config: &Config,
    listeners: &[ListenerSettings],
) -> Result<(Option<Passwords>, Option<TlsSettings>), ServeError> {
    Ok((passwords::open(&config.passwords)?, config.certificate(listeners)?))
}

/// Everything that a server needs, with open listeners.
struct Prepared {
    settings: ServerSettings,
    store: SqliteStore,
    checkpointer: Checkpointer,
    listeners: Vec<BoundListener>,
    signals: CaughtSignals,
    passwords: Option<Passwords>,
    certificate: Option<TlsSettings>,
    metrics: Option<MetricsListener>,
    http: HttpSettings,
    reloading: Reloading,
}

fn prepare(
    arguments: &SettingsArguments,
    config: &Config,
    passed: PassedSockets,
) -> Result<Prepared, ServeError> {
    let listeners = config.listeners()?;
    let signals = CaughtSignals::catch().map_err(ServeError::Signals)?;
    let (passwords, certificate) = read_files(config, &listeners)?;
    // The lock before the ports: a second server in one folder gets that error.
    let folder = DataFolder::open(&config.data)?;
    let mut settings = config.server_settings(&listeners);
    let listeners = open_listeners(listeners, passed, settings.keep_alive)?;
    let metrics = config.metrics_address()?.map(MetricsListener::bind).transpose()?;
    let most = &mut settings.engine.connections_max;
    let connections_max = affordable_connections();
    *most = (*most).min(connections_max);
    let (mut store, checkpointer) = SqliteStore::open(folder, config.limits())?;
    if !config.board.persist {
        empty_board(&mut store).map_err(ServeError::Board)?;
    }
    let (arguments, running) = (arguments.clone(), config.clone());
    Ok(Prepared {
        settings,
        store,
        checkpointer,
        listeners,
        signals,
        passwords,
        certificate,
        metrics,
        http: config.http()?,
        reloading: Reloading { arguments, running, connections_max },
    })
}

impl Prepared {
    fn run(self, config: &Config, log: Log, report: ReportFile) -> Result<(), ServeError> {
        let metrics = self.metrics;
        let announcement = announcement(&self.listeners, metrics.as_ref());
        // Whatever clients of HTTP do, others find a place.
        let histories = Box::new(Histories(self.store.history_source()));
        let connections_max = (self.settings.engine.connections_max / 2).max(1);
        let (driver, channel) = http_channel();
        let parts = Parts {
            settings: self.settings,
            store: self.store,
            listeners: self.listeners,
            signals: self.signals,
            passwords: self.passwords,
            certificate: self.certificate,
            source: Box::new(self.reloading),
            log: Box::new(log),
            reporter: Box::new(report),
            manager: ServiceManager::from_environment(),
            http: Some(driver),
        };
        let checkpointer = self.checkpointer;
        let server = Server::new(parts, move || checkpointer.run())?;
        let gate = server.http_gate();
        let http = HttpThread::start(channel, gate, self.http, histories, connections_max)
            .map_err(ServeError::Http)?;
        let administration = administer(&config.data, metrics, server.administrator());
        announce(&announcement).map_err(ServeError::Output)?;
        tracing::info!(data = %config.data.display(), "ready");
        let ended = server.run();
        http.join();
        if let Some(administration) = administration {
            administration.stop();
        }
        ended?;
        tracing::info!("stopped");
        Ok(())
    }
}

/// Opens the socket for operators, and serves it and the metrics. Without them the server
/// still serves its clients.
fn administer(
    folder: &Path,
    metrics: Option<MetricsListener>,
    administrator: Administrator,
) -> Option<AdminThread> {
    let archive = StoreArchive::of_own_server(folder);
    let socket = AdminSocket::open(folder)
        .inspect_err(|error| tracing::warn!("the server cannot be asked by operators: {error}"))
        .ok()
        .map(|socket| (socket, Arc::new(archive) as Arc<dyn Archive>));
    if let Some(metrics) = &metrics {
        let address = metrics.address();
        if address.ip().is_loopback() {
            tracing::info!(%address, "metrics are served");
        } else {
            tracing::warn!(
                %address,
                "metrics are served to whoever reaches their address; they show no names, but \
                 how much there is to do, and when"
            );
        }
    }
    let served = Served { socket, metrics, data: folder.to_path_buf() };
    AdminThread::start(served, administrator)
        .inspect_err(|error| {
            tracing::warn!("the server can neither be asked by operators nor watched: {error}");
        })
        .ok()
}

/// Resets the latest text of the board to none.
fn empty_board(store: &mut SqliteStore) -> Result<(), StoreFailure> {
    let channels = vec![Channel::board()];
    let post = Arc::new(Post { author: Author::Board, channels, text: Text::default() });
    let now = desk::now();
    let mut completed = Vec::new();
    store.submit(Ticket(0), Call::Latest { channel: Channel::board(), reader: None });
    store.settle(now, &mut completed)?;
    let is_empty = completed.drain(..).all(|completion| match completion.into_outcome() {
        Some(Outcome::Latest(Some(entry))) => entry.content.text_bytes() == 0,
        _ => true,
    });
    if !is_empty {
        store.submit(Ticket(0), Call::Post { author: None, post, may_create: 0 });
        store.settle(now, &mut completed)?;
        let mut outcomes = completed.into_iter().filter_map(Completion::into_outcome);
        if outcomes.any(|outcome| matches!(outcome, Outcome::NotPosted(_))) {
            tracing::warn!("the disk is too full to empty the board; its latest text stays");
        }
    }
    Ok(())
}

fn affordable_connections() -> usize {
    match raise_descriptor_limit() {
        Ok(descriptors) => descriptors.saturating_sub(OTHER_DESCRIPTORS).max(1),
        Err(error) => {
            tracing::warn!(%error, "cannot raise the limit of open files");
            usize::MAX
        }
    }
}

fn announcement(listeners: &[BoundListener], metrics: Option<&MetricsListener>) -> String {
    listeners
        .iter()
        .map(|listener| {
            let ListenerSettings { listener, address } = listener.settings;
            format!("{} {address}\n", listener.name())
        })
        .chain(metrics.map(|metrics| format!("metrics {}\n", metrics.address())))
        .chain(["ready\n".to_owned()])
        .collect()
}

/// Prints the listeners and `ready`, for people and scripts.
fn announce(announcement: &str) -> io::Result<()> {
    let mut output = io::stdout().lock();
    output.write_all(announcement.as_bytes())?;
    output.flush()
}

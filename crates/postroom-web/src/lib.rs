//! The administration of a running server: an HTTP/JSON API on a Unix socket in the data
//! folder, on a thread of its own, and its client; and on the same thread metrics for Prometheus.
//! docs/administration.md and docs/operating.md describe them.

mod api;
mod archive;
mod client;
mod http;
mod metrics;
mod orders;
mod places;
mod routes;
mod serving;
mod socket;

pub use api::{
    AccountDone, AccountLine, AccountOrder, AccountPage, BACKUP_TYPE, BanDone, BanLine, BanOrder,
    BanPage, ChannelDone, ChannelLine, ChannelOrder, ChannelPage, CheckLine, Counts,
    EXPORT_VERSION, ExportCounts, ExportLine, ImportMessage, Kicked, LogLevel, Problem, Reloaded,
    SessionLine, SessionPage, StatusReport, Time, UnbanOrder, Whom, Whose,
};
pub use archive::{Archive, ReadFailure, Reading};
pub use client::{AdminClient, Asked, ClientError};
pub use http::{
    HistorySource, HostName, HttpChannel, HttpSettings, HttpThread, OriginName, http_channel,
};
pub use metrics::{MetricsError, MetricsListener};
pub use orders::channel;
pub use socket::{AdminSocket, AdminThread, SOCKET, Served, SocketError};

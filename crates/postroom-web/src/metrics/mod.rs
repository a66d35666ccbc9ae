//! Metrics for Prometheus and the health of the server, over HTTP on a TCP port: nothing
//! else can be asked there. docs/operating.md describes both.
//!
//! Whoever reaches the port costs the server little: the event loop is asked at most once a
//! second (`scraper.rs`), and connections are few, short and slowly accepted (`listener.rs`).

mod exposition;
mod families;
mod listener;
mod pace;
mod process;
mod scraper;

pub(crate) use listener::serve;
pub use listener::{MetricsError, MetricsListener};
pub(crate) use scraper::Scraper;

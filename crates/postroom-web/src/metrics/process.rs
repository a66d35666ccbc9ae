//! What the operating system knows of the server. Where it does not say, a metric is left
//! out.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;

/// The metrics of the process and of its disk.
#[derive(Debug)]
pub(super) struct ProcessMetrics {
    /// Since 1970.
    pub(super) started: Duration,
    pub(super) cpu: Duration,
    pub(super) resident_bytes: Option<u64>,
    pub(super) open_files: Option<usize>,
    pub(super) open_files_max: Option<u64>,
    pub(super) disk_free_bytes: Option<u64>,
}

/// How long a disk may take to say how much space it has.
const DISK_LIMIT: Duration = Duration::from_secs(1);

/// Asks the operating system.
#[derive(Debug)]
pub(super) struct Process {
    started: Duration,
    data: PathBuf,
    /// A question to the disk that hangs: there is never another one.
    asks_disk: Option<JoinHandle<Option<u64>>>,
}

impl Process {
    /// A server that starts now and keeps its data in this folder.
    pub(super) fn new(data: PathBuf) -> Self {
        let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { started, data, asks_disk: None }
    }

    pub(super) async fn metrics(&mut self) -> ProcessMetrics {
        let cpu = clock_gettime(ClockId::ProcessCPUTime);
        ProcessMetrics {
            started: self.started,
            cpu: Duration::try_from(cpu).unwrap_or_default(),
            resident_bytes: resident_bytes(),
            open_files: fs::read_dir("/proc/self/fd").ok().map(Iterator::count),
            open_files_max: getrlimit(Resource::Nofile).current,
            disk_free_bytes: self.disk_free_bytes().await,
        }
    }

    async fn disk_free_bytes(&mut self) -> Option<u64> {
        // Nobody has waited for the answer, and it is old by now.
        self.asks_disk.take_if(|asks| asks.is_finished());
        let data = &self.data;
        let asks = self.asks_disk.get_or_insert_with(|| {
            let data = data.clone();
            spawn_blocking(move || {
                let disk = rustix::fs::statvfs(&data).ok()?;
                Some(disk.f_bavail.saturating_mul(disk.f_frsize))
            })
        });
        let free = timeout(DISK_LIMIT, asks).await.ok()?;
        self.asks_disk = None;
        free.ok().flatten()
    }
}

fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes << 10)
}

//! Which process listens at an address, and whether it still has a connection
//! open: /proc names the owner of a socket's inode.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

/// States of a socket in /proc/net/tcp.
const ESTABLISHED: &str = "01";
const LISTEN: &str = "0A";

/// The file descriptor that the process at the other end has for a connection.
/// Without reading, this end of the connection cannot tell whether the peer has
/// closed it.
#[derive(Debug)]
pub(crate) struct PeerSocket {
    file: PathBuf,
    socket: PathBuf,
}

impl PeerSocket {
    /// The end that `process` has of the connection from `remote` to `local`,
    /// if this user may see it.
    pub(crate) fn find(process: u32, local: SocketAddr, remote: SocketAddr) -> Option<Self> {
        let inode = inode(|row| {
            row.state == ESTABLISHED && row.local == end(local) && row.remote == end(remote)
        })?;
        let socket = link(inode);
        Some(Self { file: holding(process, &socket)?, socket })
    }

    pub(crate) fn is_open(&self) -> bool {
        fs::read_link(&self.file).is_ok_and(|target| target == self.socket)
    }
}

/// The process that listens at `address`, if this user may see it.
pub(crate) fn listening_at(address: SocketAddr) -> Option<u32> {
    let socket = link(inode(|row| listens(row, address))?);
    fs::read_dir("/proc")
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .find(|process: &u32| holding(*process, &socket).is_some())
}

fn link(inode: u64) -> PathBuf {
    format!("socket:[{inode}]").into()
}

/// The file of `process` that is `socket`.
fn holding(process: u32, socket: &Path) -> Option<PathBuf> {
    fs::read_dir(format!("/proc/{process}/fd"))
        .ok()?
        .filter_map(|file| Some(file.ok()?.path()))
        .find(|file| fs::read_link(file).is_ok_and(|target| target == socket))
}

/// A row of /proc/net/tcp or tcp6.
#[derive(Debug)]
struct Row<'a> {
    local: (IpAddr, u16),
    remote: (IpAddr, u16),
    state: &'a str,
    inode: u64,
}

impl<'a> Row<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        Some(Self {
            local: socket(fields.get(1)?)?,
            remote: socket(fields.get(2)?)?,
            state: fields.get(3)?,
            inode: fields.get(9)?.parse().ok()?,
        })
    }
}

/// The inode of the socket on this machine that matches `wanted`.
fn inode(wanted: impl Fn(&Row<'_>) -> bool) -> Option<u64> {
    ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .find_map(|table| inode_in(&table, &wanted))
}

fn inode_in(table: &str, wanted: impl Fn(&Row<'_>) -> bool) -> Option<u64> {
    table.lines().skip(1).filter_map(Row::parse).find(wanted).map(|row| row.inode)
}

fn listens(row: &Row<'_>, address: SocketAddr) -> bool {
    let (ip, port) = row.local;
    row.state == LISTEN && port == address.port() && (ip.is_unspecified() || ip == address.ip())
}

fn end(address: SocketAddr) -> (IpAddr, u16) {
    (address.ip().to_canonical(), address.port())
}

/// An address as the kernel prints it: words in host order, in hexadecimal.
fn socket(text: &str) -> Option<(IpAddr, u16)> {
    let (ip, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let words: Vec<[u8; 4]> = (0..ip.len() / 8)
        .map(|at| u32::from_str_radix(ip.get(at * 8..at * 8 + 8)?, 16).ok())
        .map(|word| word.map(u32::to_ne_bytes))
        .collect::<Option<_>>()?;
    match <[u8; 16]>::try_from(words.concat()) {
        Ok(octets) => Some((Ipv6Addr::from(octets).to_canonical(), port)),
        Err(_) => Some((Ipv4Addr::from(*words.first()?).into(), port)),
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    const TCP: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1131 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1593 1 0
   1: 00000000:1132 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1594 1 0
   2: 0100007F:1133 0100007F:A2F0 01 00000000:00000000 00:00000000 00000000     0        0 1595 1 0
";

    const TCP6: &str = "\
  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000001000000:1131 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 77 1 0
   1: 0000000000000000FFFF00000100007F:1132 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 78 1 0
";

    fn inode(table: &str, address: &str) -> Option<u64> {
        let address = address.parse().unwrap();
        inode_in(table, |row| listens(row, address))
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn the_row_of_the_address_names_the_inode() {
        assert_eq!(inode(TCP, "127.0.0.1:4401"), Some(1593));
        assert_eq!(inode(TCP, "127.0.0.2:4401"), None);
        assert_eq!(inode(TCP6, "[::1]:4401"), Some(77));
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn wildcards_and_mapped_addresses_match() {
        assert_eq!(inode(TCP, "127.0.0.1:4402"), Some(1594));
        assert_eq!(inode(TCP6, "127.0.0.1:4402"), Some(78));
    }

    #[test]
    fn only_listeners_count() {
        assert_eq!(inode(TCP, "127.0.0.1:4403"), None);
    }

    #[test]
    fn this_process_is_found_by_its_listener() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        assert_eq!(listening_at(listener.local_addr().unwrap()), Some(std::process::id()));
    }

    #[test]
    fn a_connection_is_open_until_its_peer_closes_it() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stream = TcpStream::connect(address).unwrap();
        let (peer, from) = listener.accept().unwrap();
        let held = PeerSocket::find(std::process::id(), address, from).unwrap();
        assert!(held.is_open());
        drop(peer);
        assert!(!held.is_open());
        drop(stream);
    }
}

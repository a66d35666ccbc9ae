//! Which process listens at an address: the owner of the listening socket's
//! inode, as /proc tells.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

/// State of a listening socket in /proc/net/tcp.
const LISTEN: &str = "0A";

/// The process that listens at `address`, if this user may see it.
pub(crate) fn listening_at(address: SocketAddr) -> Option<u32> {
    let inode = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .find_map(|table| listening_inode(&table, address))?;
    let link = format!("socket:[{inode}]");
    fs::read_dir("/proc")
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .find(|process: &u32| holds(*process, &link))
}

fn holds(process: u32, link: &str) -> bool {
    let Ok(files) = fs::read_dir(format!("/proc/{process}/fd")) else {
        return false;
    };
    files
        .filter_map(|file| fs::read_link(file.ok()?.path()).ok())
        .any(|target| target == Path::new(link))
}

/// The inode of the socket that listens at `address`, from the text of
/// /proc/net/tcp or tcp6.
fn listening_inode(table: &str, address: SocketAddr) -> Option<u64> {
    table.lines().skip(1).find_map(|row| {
        let fields: Vec<&str> = row.split_ascii_whitespace().collect();
        let (local, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
        let (ip, port) = socket(local)?;
        let reaches = ip.is_unspecified() || ip == address.ip();
        (*state == LISTEN && reaches && port == address.port()).then(|| inode.parse().ok())?
    })
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
    use std::net::TcpListener;

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
        listening_inode(table, address.parse().unwrap())
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
}

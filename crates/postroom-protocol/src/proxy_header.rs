//! The header of the PROXY protocol, versions 1 and 2, with which a proxy tells whose
//! connection it passes on (haproxy.org, `proxy-protocol.txt`).
//!
//! It is parsed from all bytes that have come so far, of which none is taken before the
//! header is whole: what follows it is the client's. Two libraries were considered. `ppp`
//! panicked on four bytes until 2025, and `proxy-header` takes headers that are none, such as
//! `PROXYxTCP4`, and longer ones than there are; neither refuses a wrong beginning before
//! more has come.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// The most bytes of a header of either version that is read.
pub const PROXY_HEADER_BYTES_MAX: usize = V2_BYTES_MAX;

const V1_BEGIN: &[u8] = b"PROXY ";
/// The longest line that the protocol allows, its end included.
const V1_BYTES_MAX: usize = 107;
const V2_BEGIN: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// The fixed part of version 2: the beginning, command, family and length.
const V2_FIXED_BYTES: usize = 16;
/// What a receiver must take at least: a segment of 576 bytes less its own headers.
const V2_BYTES_MAX: usize = 536;

/// A whole header.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ProxyHeader {
    /// Its bytes.
    pub length: usize,
    /// The client's address. Without one the connection is the proxy's own, or the proxy
    /// does not know.
    pub client: Option<SocketAddr>,
}

/// Why bytes are no header that is accepted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ProxyHeaderError {
    /// They are not what the protocol says.
    Malformed,
    /// It has more bytes than are accepted.
    TooLong,
}

impl ProxyHeader {
    /// Parses the header at the beginning of these bytes; `None` if more must come.
    ///
    /// # Errors
    ///
    /// There is no such header, whatever comes.
    pub fn parse(bytes: &[u8]) -> Result<Option<Self>, ProxyHeaderError> {
        if begins(bytes, V1_BEGIN) {
            parse_v1(bytes)
        } else if begins(bytes, V2_BEGIN) {
            parse_v2(bytes)
        } else {
            Err(ProxyHeaderError::Malformed)
        }
    }
}

/// Whether the bytes begin like this, as far as they have come.
fn begins(bytes: &[u8], begin: &[u8]) -> bool {
    let length = bytes.len().min(begin.len());
    bytes[..length] == begin[..length]
}

fn parse_v1(bytes: &[u8]) -> Result<Option<ProxyHeader>, ProxyHeaderError> {
    let first = &bytes[..bytes.len().min(V1_BYTES_MAX)];
    let Some(end) = first.iter().position(|byte| *byte == b'\n') else {
        let is_too_long = bytes.len() >= V1_BYTES_MAX;
        return if is_too_long { Err(ProxyHeaderError::TooLong) } else { Ok(None) };
    };
    let line = first[..end].strip_suffix(b"\r").and_then(|line| line.strip_prefix(V1_BEGIN));
    let line = line.ok_or(ProxyHeaderError::Malformed)?;
    let is_unknown = line == b"UNKNOWN" || line.starts_with(b"UNKNOWN ");
    let client = if is_unknown { None } else { Some(client_v1(line)?) };
    Ok(Some(ProxyHeader { length: end + 1, client }))
}

/// The client's address in what follows `PROXY `.
fn client_v1(line: &[u8]) -> Result<SocketAddr, ProxyHeaderError> {
    let addresses = || {
        let mut words = std::str::from_utf8(line).ok()?.split(' ');
        let address: fn(&str) -> Option<IpAddr> = match words.next()? {
            "TCP4" => address::<Ipv4Addr>,
            "TCP6" => address::<Ipv6Addr>,
            _ => return None,
        };
        let (client, _) = (address(words.next()?)?, address(words.next()?)?);
        let (port, _) = (port(words.next()?)?, port(words.next()?)?);
        words.next().is_none().then_some(SocketAddr::new(client, port))
    };
    addresses().ok_or(ProxyHeaderError::Malformed)
}

fn address<A: FromStr + Into<IpAddr>>(word: &str) -> Option<IpAddr> {
    word.parse::<A>().ok().map(Into::into)
}

/// A port in decimal digits, without zeros before them.
fn port(word: &str) -> Option<u16> {
    let is_plain =
        word.bytes().all(|byte| byte.is_ascii_digit()) && (word == "0" || !word.starts_with('0'));
    word.parse().ok().filter(|_| is_plain)
}

fn parse_v2(bytes: &[u8]) -> Result<Option<ProxyHeader>, ProxyHeaderError> {
    let Some((fixed, rest)) = bytes.split_first_chunk::<V2_FIXED_BYTES>() else {
        return Ok(None);
    };
    let [.., command, family, high, low] = *fixed;
    let is_local = match command {
        0x20 => true,
        0x21 => false,
        _ => return Err(ProxyHeaderError::Malformed),
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if V2_FIXED_BYTES + length > V2_BYTES_MAX {
        return Err(ProxyHeaderError::TooLong);
    }
    let Some(addresses) = rest.get(..length) else {
        return Ok(None);
    };
    // What a health check says of addresses does not count.
    let client = match family {
        _ if is_local => None,
        // Nothing that is known, and a local socket of the proxy.
        0x00 | 0x31 => None,
        _ => Some(client_v2(family, addresses).ok_or(ProxyHeaderError::Malformed)?),
    };
    Ok(Some(ProxyHeader { length: V2_FIXED_BYTES + length, client }))
}

/// The client's address. Options may follow the addresses.
fn client_v2(family: u8, addresses: &[u8]) -> Option<SocketAddr> {
    match family {
        // TCP over IPv4: both addresses, then both ports.
        0x11 => {
            let (client, rest) = addresses.split_first_chunk::<4>()?;
            let [_, _, _, _, high, low, _, _] = *rest.first_chunk()?;
            Some((*client, u16::from_be_bytes([high, low])).into())
        }
        // TCP over IPv6.
        0x21 => {
            let (client, rest) = addresses.split_first_chunk::<16>()?;
            let [high, low, _, _] = *rest.get(16..)?.first_chunk()?;
            Some((*client, u16::from_be_bytes([high, low])).into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MALFORMED: Result<Option<ProxyHeader>, ProxyHeaderError> =
        Err(ProxyHeaderError::Malformed);
    const TOO_LONG: Result<Option<ProxyHeader>, ProxyHeaderError> = Err(ProxyHeaderError::TooLong);

    fn v1(client: SocketAddr, proxy: SocketAddr) -> Vec<u8> {
        let family = if client.is_ipv4() { "TCP4" } else { "TCP6" };
        let (from, to) = (client.ip(), proxy.ip());
        format!("PROXY {family} {from} {to} {} {}\r\n", client.port(), proxy.port()).into_bytes()
    }

    /// A header of version 2 with these bytes after the fixed part.
    fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [V2_BEGIN, &[command, family], &length, rest].concat()
    }

    fn addresses(client: SocketAddr, proxy: SocketAddr) -> (u8, Vec<u8>) {
        let octets = |address: IpAddr| match address {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        };
        let ports = [client.port().to_be_bytes(), proxy.port().to_be_bytes()].concat();
        let bytes = [octets(client.ip()), octets(proxy.ip()), ports].concat();
        (if client.is_ipv4() { 0x11 } else { 0x21 }, bytes)
    }

    fn whole(bytes: &[u8]) -> Option<SocketAddr> {
        let header = ProxyHeader::parse(bytes).unwrap().unwrap();
        assert_eq!(header.length, bytes.len());
        header.client
    }

    #[test]
    fn clients_are_unknown_where_the_proxy_says_so() {
        for line in ["PROXY UNKNOWN\r\n", "PROXY UNKNOWN ffff::1 ::1 65535 1\r\n"] {
            assert_eq!(whole(line.as_bytes()), None);
        }
        let (_, client) = addresses(([192, 0, 2, 1], 1).into(), ([192, 0, 2, 2], 2).into());
        for (command, family, rest) in [
            (0x20, 0x00, &[][..]),
            (0x20, 0x11, &client),
            (0x21, 0x00, &[1]),
            (0x21, 0x31, &[0; 216]),
        ] {
            assert_eq!(whole(&v2(command, family, rest)), None, "{command:x} {family:x}");
        }
    }

    #[test]
    fn what_is_no_header_is_refused() {
        for line in [
            "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n",
            "PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 +1 2\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n",
            "PROXY TCP4 192.0.2.01 192.0.2.2 1 2\r\n",
            "PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n",
            "PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n",
            "PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n",
            "PROXY UNKNOWNS\r\n",
            "PROXY \r\n",
            "PROXYxTCP4 192.0.2.1 192.0.2.2 1 2\r\n",
            "proxy TCP4",
            "LOGIN bob\n",
            "\r\nLOGIN bob\n",
        ] {
            assert_eq!(ProxyHeader::parse(line.as_bytes()), MALFORMED, "{line:?}");
        }
        for (command, family, rest) in [
            (0x11, 0x11, &[0; 12][..]),
            (0x22, 0x11, &[0; 12]),
            (0x21, 0x11, &[0; 11]),
            (0x21, 0x21, &[0; 35]),
            (0x21, 0x12, &[0; 12]),
            (0x21, 0x41, &[0; 12]),
        ] {
            let header = v2(command, family, rest);
            assert_eq!(ProxyHeader::parse(&header), MALFORMED, "{command:x} {family:x}");
        }
    }

    #[test]
    fn a_header_has_a_longest_length() {
        let unknown = |bytes: usize| {
            let filler = "x".repeat(bytes - "PROXY UNKNOWN \r\n".len());
            format!("PROXY UNKNOWN {filler}\r\n").into_bytes()
        };
        assert_eq!(whole(&unknown(V1_BYTES_MAX)), None);
        let longer = unknown(V1_BYTES_MAX + 1);
        assert_eq!(ProxyHeader::parse(&longer), TOO_LONG);
        assert_eq!(ProxyHeader::parse(&longer[..V1_BYTES_MAX]), TOO_LONG);
        assert_eq!(ProxyHeader::parse(&longer[..V1_BYTES_MAX - 1]), Ok(None));
        assert_eq!(whole(&v2(0x20, 0, &[0; V2_BYTES_MAX - V2_FIXED_BYTES])), None);
        let longer = v2(0x20, 0, &[0; V2_BYTES_MAX - V2_FIXED_BYTES + 1]);
        assert_eq!(ProxyHeader::parse(&longer[..V2_FIXED_BYTES]), TOO_LONG);
        assert_eq!(ProxyHeader::parse(&longer[..V2_FIXED_BYTES - 1]), Ok(None));
    }

    fn any_addresses() -> impl Strategy<Value = (SocketAddr, SocketAddr)> {
        let v4 = any::<([u8; 4], u16)>().prop_map(SocketAddr::from);
        let v6 = any::<([u16; 8], u16)>().prop_map(SocketAddr::from);
        prop_oneof![(v4.clone(), v4), (v6.clone(), v6)]
    }

    proptest! {
        #[test]
        fn each_address_is_found_at_any_split_and_what_follows_is_not_taken(
            (client, proxy) in any_addresses(),
            options in prop::collection::vec(any::<u8>(), 0..100),
            said in prop::collection::vec(any::<u8>(), 0..20),
        ) {
            let (family, binary) = addresses(client, proxy);
            for header in [v1(client, proxy), v2(0x21, family, &[binary, options].concat())] {
                for cut in 0..header.len() {
                    prop_assert_eq!(ProxyHeader::parse(&header[..cut]), Ok(None));
                }
                let length = header.len();
                let expected = ProxyHeader { length, client: Some(client) };
                let parsed = ProxyHeader::parse(&[header, said.clone()].concat());
                prop_assert_eq!(parsed, Ok(Some(expected)));
            }
        }
    }
}

//! Which requests are taken at all: a web page that someone has open can reach every server
//! that their machine reaches, this one on loopback included.
//!
//! A name that the server does not know as its own may be a page's that now points to this
//! machine (DNS rebinding); a page of another site names itself in `Origin` and in
//! `Sec-Fetch-Site`. Programs send neither.

use std::net::{IpAddr, SocketAddr};

use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, HOST, HeaderValue, ORIGIN, VARY,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use thiserror::Error;

use super::problem::{CROSS_SITE, MALFORMED, Problem, UNKNOWN_HOST};

/// What HTTP lets in.
#[derive(Clone, Debug, Default)]
pub struct HttpSettings {
    /// Names by which clients may call the server, beside its addresses and, on loopback,
    /// `localhost`.
    pub hosts: Vec<HostName>,
    /// Pages of other sites that may ask.
    pub origins: Vec<OriginName>,
}

/// The name of a host, without a port.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HostName(String);

/// The origin of a page, such as `https://example.org`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OriginName(String);

/// Why a word is not what it should be.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum NameError {
    /// No host.
    #[error("it is not the name of a host; write it without a port, for example mail.example.org")]
    Host,
    /// No origin.
    #[error("it is not an origin; write it as https://HOST or http://HOST:PORT")]
    Origin,
}

impl HostName {
    /// Parses a name.
    pub fn parse(word: &str) -> Result<Self, NameError> {
        let is_name = |uri: &Uri| uri.host() == Some(word) && uri.port().is_none();
        let uri = format!("http://{word}/").parse().ok().filter(is_name);
        uri.map(|_| Self(word.to_ascii_lowercase())).ok_or(NameError::Host)
    }
}

impl OriginName {
    /// Parses an origin.
    pub fn parse(word: &str) -> Result<Self, NameError> {
        let is_origin = |uri: &Uri| {
            matches!(uri.scheme_str(), Some("http" | "https"))
                && uri.host().is_some()
                && !word.ends_with('/')
                && uri.path_and_query().is_none_or(|path| path == "/")
        };
        let uri = word.parse().ok().filter(is_origin);
        uri.map(|_| Self(word.to_ascii_lowercase())).ok_or(NameError::Origin)
    }
}

impl HttpSettings {
    /// Refuses what a page of another site may have sent. Returns the origin of a page that is
    /// let in.
    pub(super) fn check(
        &self,
        parts: &Parts,
        local: SocketAddr,
    ) -> Result<Option<AllowedOrigin>, Problem> {
        let host = host(parts)?;
        if !self.knows(&host, local.ip()) {
            let detail = format!(
                "the server is not called \"{}\"; to let clients call it so, add the name to \
                 http.hosts",
                host.name.escape_debug()
            );
            return Err(Problem::new(&UNKNOWN_HOST, detail));
        }
        let allowed = match header(&parts.headers, ORIGIN.as_str())? {
            Some(origin) => {
                let is_configured =
                    self.origins.iter().any(|other| other.0.eq_ignore_ascii_case(origin));
                if !is_configured && !host.is_origin(origin) {
                    return Err(cross_site());
                }
                is_configured.then(|| parts.headers[ORIGIN].clone()).map(AllowedOrigin)
            }
            None => None,
        };
        match header(&parts.headers, "sec-fetch-site")? {
            None | Some("same-origin" | "none") => Ok(allowed),
            Some(_) if allowed.is_some() => Ok(allowed),
            Some(_) => Err(cross_site()),
        }
    }

    fn knows(&self, host: &Host, local: IpAddr) -> bool {
        let is_address = |address: IpAddr| {
            let (address, local) = (address.to_canonical(), local.to_canonical());
            address == local || address.is_loopback() && local.is_loopback()
        };
        let literal = host.name.trim_start_matches('[').trim_end_matches(']');
        literal.parse().is_ok_and(is_address)
            || host.name == "localhost" && local.to_canonical().is_loopback()
            || self.hosts.iter().any(|other| other.0 == host.name)
    }
}

/// The origin of a page of another site that is let in, as its browser has written it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct AllowedOrigin(HeaderValue);

impl AllowedOrigin {
    /// Lets the page read a response (Fetch Standard, 3.3).
    pub(super) fn allow(&self, headers: &mut HeaderMap) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, self.0.clone());
        let exposed = HeaderValue::from_static("idempotent-replayed, retry-after");
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
        headers.append(VARY, HeaderValue::from_static("origin"));
    }

    /// The answer to the question of a browser which requests the page may make.
    pub(super) fn preflight(&self) -> Response {
        let headers = [
            (ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, PUT, DELETE"),
            (
                ACCESS_CONTROL_ALLOW_HEADERS,
                "authorization, content-type, idempotency-key, last-event-id",
            ),
            (ACCESS_CONTROL_MAX_AGE, "600"),
        ];
        let mut response = (StatusCode::NO_CONTENT, headers).into_response();
        self.allow(response.headers_mut());
        response
    }
}

fn cross_site() -> Problem {
    let detail = "a page of another site may not ask this server; to let it, add its origin to \
                  http.origins";
    Problem::new(&CROSS_SITE, detail)
}

/// How a client calls the server.
#[derive(Debug)]
struct Host {
    name: String,
    authority: String,
}

impl Host {
    /// Whether this is the origin of pages of this server. Which of the two schemes it has
    /// depends on a proxy before it, too.
    fn is_origin(&self, origin: &str) -> bool {
        let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        authority.is_some_and(|authority| authority.eq_ignore_ascii_case(&self.authority))
    }
}

/// How a request calls the server: in its target, or in the one header for it.
fn host(parts: &Parts) -> Result<Host, Problem> {
    let missing = || {
        let detail = "the request does not say to which host it is (RFC 9112, 3.2)";
        Problem::new(&MALFORMED, detail)
    };
    let written = header(&parts.headers, HOST.as_str())?;
    let authority = match (parts.uri.authority(), written) {
        (Some(authority), Some(written)) if authority.as_str() != written => {
            let detail = "the request names two hosts";
            return Err(Problem::new(&MALFORMED, detail));
        }
        (Some(authority), _) => authority.clone(),
        (None, Some(written)) => written.parse().map_err(|_| missing())?,
        (None, None) => return Err(missing()),
    };
    if authority.as_str().contains('@') {
        return Err(missing());
    }
    let name = authority.host().to_ascii_lowercase();
    Ok(Host { name, authority: authority.as_str().to_ascii_lowercase() })
}

/// The one value of a header.
fn header<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Problem> {
    let malformed = |what: &str| Problem::new(&MALFORMED, format!("the header {name} {what}"));
    let mut values = headers.get_all(name).iter();
    let value = values.next();
    if values.next().is_some() {
        return Err(malformed("is there twice"));
    }
    value.map(|value| value.to_str().map_err(|_| malformed("is not ASCII"))).transpose()
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn check(settings: &HttpSettings, local: &str, headers: &[(&str, &str)]) -> u16 {
        let mut request = Request::builder().uri("/~alice");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let local = format!("{local}:4406").parse().unwrap();
        settings.check(&parts, local).map_or_else(|problem| problem.status(), |_| 200)
    }

    #[test]
    fn a_page_of_another_site_is_refused() {
        let settings = HttpSettings {
            hosts: vec![HostName::parse("mail.example.org").unwrap()],
            origins: vec![OriginName::parse("https://app.example.org").unwrap()],
        };
        let check = |local: &str, headers: &[(&str, &str)]| check(&settings, local, headers);
        for (local, headers, expected) in [
            ("127.0.0.1", &[("host", "127.0.0.1:4406")][..], 200),
            ("127.0.0.1", &[("host", "LocalHost:4406")], 200),
            ("127.0.0.1", &[("host", "127.9.9.9")], 200),
            ("[::1]", &[("host", "[::1]:4406")], 200),
            ("[::ffff:127.0.0.1]", &[("host", "localhost")], 200),
            ("192.0.2.1", &[("host", "192.0.2.1:4406")], 200),
            ("192.0.2.1", &[("host", "mail.example.org")], 200),
            // Rebound names, and names of others.
            ("127.0.0.1", &[("host", "evil.example")], 403),
            ("192.0.2.1", &[("host", "localhost")], 403),
            ("192.0.2.1", &[("host", "127.0.0.1")], 403),
            ("192.0.2.1", &[("host", "192.0.2.2")], 403),
            ("127.0.0.1", &[], 400),
            ("127.0.0.1", &[("host", "")], 400),
            ("127.0.0.1", &[("host", "evil.example@localhost")], 400),
            ("127.0.0.1", &[("host", "localhost"), ("host", "evil.example")], 400),
        ] {
            assert_eq!(check(local, headers), expected, "{local} {headers:?}");
        }
        let host = ("host", "localhost:4406");
        for (headers, expected) in [
            (&[host, ("origin", "http://localhost:4406")][..], 200),
            (&[host, ("origin", "http://localhost:4406"), ("sec-fetch-site", "same-origin")], 200),
            (&[host, ("origin", "https://app.example.org"), ("sec-fetch-site", "cross-site")], 200),
            (&[host, ("sec-fetch-site", "none")], 200),
            (&[host, ("origin", "http://localhost:8000")], 403),
            (&[host, ("origin", "http://evil.example")], 403),
            (&[host, ("origin", "null")], 403),
            (&[host, ("sec-fetch-site", "cross-site")], 403),
            (&[host, ("sec-fetch-site", "same-site")], 403),
            (&[host, ("sec-fetch-site", "same-origin"), ("sec-fetch-site", "none")], 400),
        ] {
            assert_eq!(check("127.0.0.1", headers), expected, "{headers:?}");
        }
    }

    #[test]
    fn names_of_hosts_and_origins_are_what_they_say() {
        for word in ["mail.example.org", "MAIL", "192.0.2.1", "[2001:db8::1]"] {
            assert!(HostName::parse(word).is_ok(), "{word}");
        }
        for word in ["", "mail.example.org:80", "a b", "http://mail", "a/b", "a@b"] {
            assert!(HostName::parse(word).is_err(), "{word}");
        }
        for word in ["https://example.org", "http://example.org:8080"] {
            assert!(OriginName::parse(word).is_ok(), "{word}");
        }
        for word in ["example.org", "https://example.org/", "https://example.org/a", "null", "*"] {
            assert!(OriginName::parse(word).is_err(), "{word}");
        }
    }
}

//! Who a client says that it is: HTTP Basic (RFC 7617), with each request.

use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use postroom_model::{Name, Password};

use super::problem::{MALFORMED, Problem};

/// What a client has said of itself. It is shown nowhere.
#[derive(Clone)]
pub(super) struct Credentials {
    pub(super) name: Name,
    /// Missing where the account has none.
    pub(super) password: Option<Password>,
}

/// The credentials of a request, as they were sent.
pub(super) fn sent(headers: &HeaderMap) -> Result<Option<&HeaderValue>, Problem> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        _ => Err(Problem::new(&MALFORMED, "the request has the header authorization twice")),
    }
}

impl Credentials {
    /// Reads them; `None` if they prove nothing to anyone: what is no name or no password is
    /// refused like a wrong one.
    pub(super) fn parse(value: &HeaderValue) -> Option<Self> {
        let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let decoded = STANDARD.decode(token.trim_matches(' ')).ok()?;
        let colon = decoded.iter().position(|byte| *byte == b':')?;
        let name = Name::new(std::str::from_utf8(&decoded[..colon]).ok()?).ok()?;
        let password = match &decoded[colon + 1..] {
            [] => None,
            typed => Some(Password::from_bytes(typed).ok()?),
        };
        Some(Self { name, password })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(value: &str) -> Option<(String, Option<Vec<u8>>)> {
        let credentials = Credentials::parse(&HeaderValue::from_str(value).unwrap())?;
        let password = credentials.password.map(|password| password.as_bytes().to_vec());
        Some((credentials.name.to_string(), password))
    }

    fn basic(pair: &str) -> String {
        format!("Basic {}", STANDARD.encode(pair))
    }

    #[test]
    fn a_name_and_a_password_are_taken_as_sent() {
        let bob = |password: Option<&str>| {
            Some(("bob".to_owned(), password.map(|password| password.as_bytes().to_vec())))
        };
        assert_eq!(parse(&basic("bob:secret")), bob(Some("secret")));
        assert_eq!(parse(&basic("bob:a:b")), bob(Some("a:b")));
        assert_eq!(parse(&basic("bob:")), bob(None));
        assert_eq!(parse(&basic("bob:secret").replace("Basic", "basic")), bob(Some("secret")));
        for wrong in [
            "Basic",
            "Basic ???",
            "Bearer Ym9iOnNlY3JldA==",
            &basic("bob"),
            &basic("b b:x"),
            &basic(":x"),
            &basic("@web:x"),
            &basic("bob:\u{1}"),
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}

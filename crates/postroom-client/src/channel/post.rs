//! The client that posts a text in a channel.

use std::io::{self, Read};

use crate::http::HttpClient;
use crate::parse::{Takes, given_text, parse_channel};
use crate::settings::{Client, Settings};
use crate::signals::Signals;
use crate::{ClientError, Environment, PostArguments};

/// Posts a text, from an argument or from the standard input.
pub fn post(arguments: &PostArguments, environment: &Environment) -> Result<(), ClientError> {
    post_from(arguments, environment, &mut io::stdin().lock())
}

/// Posts a text, from an argument or from `input`.
pub fn post_from(
    arguments: &PostArguments,
    environment: &Environment,
    input: &mut dyn Read,
) -> Result<(), ClientError> {
    let settings = Settings::new(Client::Post, arguments.given()?, environment)?;
    let name = settings.required_name()?;
    let channel = parse_channel(&arguments.channel)?;
    let given = arguments.text.as_deref();
    let text = given_text(given, input, Takes::Lines, arguments.allow_empty)?;
    let signals = Signals::default();
    HttpClient::new(&settings, Some(name), arguments.timeout, signals)?.post(&channel, &text)
}

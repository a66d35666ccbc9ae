//! HTTP, as far as the engine knows it: which requests of the office were answered with what,
//! and what happened.
//!
//! The bytes of HTTP are read and written elsewhere, by a driver to which connections are
//! [handed over](crate::Protocol::is_handed_over). It asks the office by a session, which
//! passes on what comes back.

use postroom_model::{Access, Event, Guest, Told};

use crate::protocol::{PostHandling, Protocol};
use crate::session::{Close, HttpInput, Input, Outputs, Reading, Session};
use crate::settings::Settings;

/// The protocol of the listeners for HTTP.
pub const HTTP: Protocol = Protocol {
    name: "http",
    default_port: 4406,
    has_accounts: true,
    guest: Some(Guest::Web),
    reports: false,
    is_handed_over: true,
    posts: PostHandling::None,
    refusal: "",
    begin,
};

/// A session of HTTP.
#[derive(Debug)]
struct Http;

fn begin(_: &Settings, _: Access, _: &mut Outputs) -> Box<dyn Session> {
    Box::new(Http)
}

impl Session for Http {
    fn input(&mut self, input: Input<'_>, outputs: &mut Outputs) -> Reading {
        match input {
            Input::Reply(reply) => outputs.http.push(HttpInput::Reply(reply)),
            Input::Event(Event::Mail) => outputs.http.push(HttpInput::Mail),
            Input::Event(Event::Told(Told { sender, text, mark })) => {
                let (sender, text, mark) = (sender.clone(), text.clone(), *mark);
                outputs.http.push(HttpInput::Told(Told { sender, text, mark }));
            }
            Input::Ended(reason) => {
                outputs.http.push(HttpInput::Ended(reason));
                outputs.close = Some(Close::Dropped(reason));
            }
            // Its driver ends its sessions when the server stops.
            Input::Stop
            | Input::Bytes { .. }
            | Input::End { .. }
            | Input::Event(_)
            | Input::Post(_)
            | Input::Dialled(_)
            | Input::Continue
            | Input::Elapsed(_)
            | Input::Written => {}
        }
        Reading::Nothing
    }
}

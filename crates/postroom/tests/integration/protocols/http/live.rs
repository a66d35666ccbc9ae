//! An account with several devices: chat or im, and HTTP beside it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::harness::http::{HANDSHAKE, Http, WebSocket, curl, request};
use crate::harness::im::{DELIVERED, ImClient, NOT_DELIVERED};
use crate::harness::logged::{LoggedServer, password};
use crate::harness::support::Server;

const LIVE: &str = "/api/v1/live";

/// A request of an account with the password that clients of im have.
fn of(name: &str, path: &str) -> String {
    let pair = STANDARD.encode(format!("{name}:{}", password(name)));
    request("GET", path, "").replace("Ym9iOg==", &pair)
}

/// The stream of a device that proves what it has.
fn proving(server: &Server, name: &str) -> WebSocket {
    let mut http = Http::connect(server.address("http"));
    http.send(of(name, LIVE).replace("\r\n\r\n", HANDSHAKE));
    http.into_websocket()
}

/// The stream of a device that cannot.
fn showing(server: &Server, name: &str) -> Http {
    let mut http = Http::connect(server.address("http"));
    http.send(of(name, LIVE));
    let head = http.head();
    assert_eq!(head.status, 200, "{head:?}");
    assert_eq!(http.chunk(), "retry: 1000\n\n");
    http
}

#[test]
fn private_lines_reach_all_devices_and_the_first_proof_settles_them() {
    let server = LoggedServer::start(&["ann", "bob"], &[]);
    let mut ann = ImClient::enter(&server, "ann");
    let mut bob = ImClient::enter(&server, "bob");
    let (mut phone, mut page) = (proving(&server, "bob"), showing(&server, "bob"));
    ann.a.send("/to bob hello\n");
    let told = phone.json();
    assert_eq!(
        told,
        json!({
            "event": "private", "id": told["id"], "time": told["time"], "from": "ann",
            "text": "hello"
        })
    );
    assert!(page.chunk().contains("\"text\":\"hello\""));
    assert!(ann.a.is_silent(), "303 before anyone has proved");
    phone.send(WebSocket::TEXT, json!({"ack": told["id"]}).to_string().as_bytes());
    assert_eq!(ann.a.line(), DELIVERED);
    // Late, and harmless.
    assert!(bob.receive().contains("hello"));
    ann.a.send("/to bob again\n");
    assert!(bob.receive().contains("again"));
    assert_eq!(ann.a.line(), DELIVERED);
}

#[test]
fn what_only_events_show_is_never_proved() {
    let server = LoggedServer::start(&["ann", "bob"], &[]);
    let mut ann = ImClient::enter(&server, "ann");
    let bob = ImClient::enter(&server, "bob");
    drop(bob);
    let mut page = showing(&server, "bob");
    ann.a.send("/to bob hello\n");
    assert!(page.chunk().contains("\"text\":\"hello\""));
    assert_eq!(ann.a.line(), NOT_DELIVERED);
}

#[test]
fn an_account_without_a_password_is_present_once() {
    let server = Server::start();
    let mut live = Http::connect(server.address("http"));
    live.send(request("GET", LIVE, ""));
    assert_eq!(live.head().status, 200);
    let (_, present) = curl(&server, "/api/v1/present", &["-u", "ann:"]);
    assert_eq!(present, r#"{"present":["bob"]}"#);
    // Neither on HTTP again nor on chat; its mailbox is free.
    let again = curl(&server, LIVE, &["-u", "bob:"]);
    assert!(again.0 == 409 && again.1.contains("/problems/taken"), "{again:?}");
    let mut chat = server.connect("chat");
    chat.send("/setname bob\n");
    while !chat.line().contains("taken") {}
    drop(server.log_in("bob"));
    assert_eq!(curl(&server, "/~bob", &["-u", "bob:", "-d", "note"]).0, 201);
}

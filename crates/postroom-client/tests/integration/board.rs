//! The client `board`.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use postroom_client::{
    BoardArguments, ClientError, DefaultsArguments, Environment, ServerAddress, TlsArguments,
    board_with,
};

use crate::fake::{FakeServer, Peer, at};

fn arguments(server: &ServerAddress, upload: bool, text: Option<&str>) -> BoardArguments {
    BoardArguments {
        upload,
        download: !upload,
        server: at(server),
        text: text.map(str::to_owned),
        text_from_input: false,
        report: None,
        timeout: Duration::from_secs(20),
        tls: TlsArguments::default(),
        defaults: DefaultsArguments::default(),
    }
}

struct Told {
    output: String,
    complaints: String,
    ended: Result<(), ClientError>,
}

fn run(arguments: &BoardArguments) -> Told {
    let (mut output, mut complaints) = (Vec::new(), Vec::new());
    let ended = board_with(
        arguments,
        &Environment::default(),
        &mut io::empty(),
        &mut output,
        &mut complaints,
    );
    Told {
        output: String::from_utf8(output).unwrap(),
        complaints: String::from_utf8(complaints).unwrap(),
        ended,
    }
}

/// A server that expects these lines, and then the client's end of input.
fn server(lines: &'static [&str], answer: &'static str) -> FakeServer {
    FakeServer::start(move |mut peer: Peer| {
        for line in lines {
            peer.expect(line);
        }
        peer.expect_end();
        peer.say(answer);
    })
}

#[test]
fn a_text_goes_up() {
    let server = server(&["u", "hi #rust"], "operation success\n");
    let told = run(&arguments(&server.address, true, Some("hi #rust")));
    server.finish();
    told.ended.unwrap();
    assert_eq!(told.output, "Transmission Successfull...\n");
    assert_eq!(told.complaints, "");
}

#[test]
fn the_latest_text_comes_down_safe_to_show() {
    for (lines, tag) in [(&["d"][..], None), (&["d", "#rust"][..], Some("#rust"))] {
        let server = server(lines, "error: \u{1b}[2J #rust");
        let told = run(&arguments(&server.address, false, tag));
        server.finish();
        told.ended.unwrap();
        assert_eq!(
            told.output,
            "Received Message: error: ^[[2J #rust\nTransmission Successfull...\n"
        );
    }
}

#[test]
fn the_report_tells_the_whole_run() {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report");
    let server = server(&["d"], "hi\u{1b}");
    let address = server.address.clone();
    let mut download = arguments(&address, false, None);
    download.report = Some(report.clone());
    run(&download).ended.unwrap();
    server.finish();

    let mut upload = arguments(&address, true, Some(""));
    upload.text = Some("x".repeat(151));
    upload.report = Some(report.clone());
    run(&upload).ended.unwrap_err();

    let expected = format!(
        "CLIENT [GENERAL] client started: download from {address}\n\
         Received Message: hi^[\n\
         Transmission Successfull...\n\
         CLIENT [GENERAL] client ended\n\
         CLIENT [GENERAL] client started: upload to {address}\n\
         CLIENT [ERROR] message length illegal, connection refused.\n\
         CLIENT [GENERAL] client ended\n"
    );
    assert_eq!(std::fs::read_to_string(report).unwrap(), expected);
}

#[test]
fn server_and_client_may_share_a_report() {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report");
    let shared = report.clone();
    let server = FakeServer::start(move |mut peer| {
        peer.expect("d");
        peer.expect_end();
        let mut file = std::fs::File::options().append(true).open(shared).unwrap();
        std::io::Write::write_all(&mut file, b"SERVER [GENERAL] between\n").unwrap();
        peer.say("hi");
    });
    let mut download = arguments(&server.address, false, None);
    download.report = Some(report.clone());
    run(&download).ended.unwrap();
    let expected = format!(
        "CLIENT [GENERAL] client started: download from {}\n\
         SERVER [GENERAL] between\n\
         Received Message: hi\n\
         Transmission Successfull...\n\
         CLIENT [GENERAL] client ended\n",
        server.address
    );
    server.finish();
    assert_eq!(std::fs::read_to_string(report).unwrap(), expected);
}

#[test]
fn a_lost_connection_is_reported_as_one() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&["d"], "");
    let mut download = arguments(&server.address, false, None);
    download.report = Some(folder.path().join("report"));
    let told = run(&download);
    server.finish();
    assert!(matches!(told.ended, Err(ClientError::Unanswered { .. })), "{:?}", told.ended);
    let report = std::fs::read_to_string(folder.path().join("report")).unwrap();
    assert!(report.contains("CLIENT [CONNECTION] 127.0.0.1:"), "{report}");
}

#[test]
fn an_upload_without_an_answer_leaves_open_what_happened() {
    let server = server(&["u", "hi"], "");
    let told = run(&arguments(&server.address, true, Some("hi")));
    server.finish();
    assert!(matches!(told.ended, Err(ClientError::Unacknowledged(_))), "{:?}", told.ended);
}

#[test]
fn a_report_that_cannot_be_written_stops_nothing() {
    for path in ["/nonexistent/report", "/dev/full"] {
        let server = server(&["u", "hi"], "operation success\n");
        let mut upload = arguments(&server.address, true, Some("hi"));
        upload.report = Some(PathBuf::from(path));
        let told = run(&upload);
        server.finish();
        told.ended.unwrap();
        assert_eq!(told.output, "Transmission Successfull...\n");
        assert_eq!(told.complaints.lines().count(), 1, "{}", told.complaints);
    }
}

#[test]
fn a_refusal_is_told_in_the_words_of_the_server() {
    let server = server(&["u", "hi"], "error: the disk is full\n");
    let told = run(&arguments(&server.address, true, Some("hi")));
    server.finish();
    assert_eq!(told.output, "");
    let error = told.ended.unwrap_err().to_string();
    assert_eq!(error, "the server refused: the disk is full");
}

#[test]
fn an_endless_answer_is_cut_off() {
    let server = FakeServer::start(|mut peer| {
        peer.expect("d");
        while peer.try_say(&[b'x'; 1_000]) {}
    });
    let told = run(&arguments(&server.address, false, None));
    server.finish();
    assert!(matches!(told.ended, Err(ClientError::Deviation { .. })), "{:?}", told.ended);
}

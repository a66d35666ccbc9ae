//! Plays the transcripts of all protocols over TCP and TLS. The engine's tests play them at
//! every split.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use postroom_protocol::PROTOCOLS;
use postroom_testing::transcript::{Cut, Transcript, for_each_transcript, play};

use crate::harness::tcp_stage::TcpStage;

/// Cuts over TCP, where each takes time: lines together, bytes alone, and lines
/// cut within the first word, behind it and further on.
const TCP_CUTS: [Cut; 6] =
    [Cut::Turns, Cut::Pipelined, Cut::Bytes, Cut::At(1), Cut::At(6), Cut::At(13)];

#[test]
fn every_protocol_answers_its_transcripts_over_tcp() {
    let protocols: Vec<_> = PROTOCOLS.iter().map(|protocol| protocol.name).collect();
    for_each_transcript(&protocols, |transcript| {
        for cut in TCP_CUTS.iter().filter(|cut| is_played(transcript, **cut)) {
            play(transcript, TcpStage::start(transcript), *cut);
        }
    });
}

/// TLS makes records of what is sent, so that lines together, lines alone and bytes alone
/// are all that differs.
const TLS_CUTS: [Cut; 3] = [Cut::Turns, Cut::Pipelined, Cut::Bytes];

#[test]
fn every_protocol_answers_its_transcripts_over_tls() {
    let protocols: Vec<_> = PROTOCOLS.iter().map(|protocol| protocol.name).collect();
    for_each_transcript(&protocols, |transcript| {
        for cut in TLS_CUTS.iter().filter(|cut| is_played(transcript, **cut)) {
            play(transcript, TcpStage::start_tls(transcript), *cut);
        }
    });
}

/// Whether the program can be asked for it, and in this way: with pauses, one way to cut lines is
/// enough.
fn is_played(transcript: &Transcript, cut: Cut) -> bool {
    let is_enough = !transcript.has_pauses() || !matches!(cut, Cut::At(_) | Cut::Pipelined);
    is_enough && !transcript.is_without_io()
}

#[test]
fn each_protocol_has_its_transcripts_and_its_page() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let found = |folder: &str| {
        let entries = std::fs::read_dir(root.join(folder)).unwrap();
        let stem = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
        entries.map(|entry| stem(entry.unwrap().path())).collect::<BTreeSet<_>>()
    };
    let protocols = PROTOCOLS.iter().map(|protocol| protocol.name.to_owned()).collect();
    assert_eq!(found("crates/postroom-protocol/transcripts"), protocols);
    assert_eq!(found("docs/protocols"), protocols);
}

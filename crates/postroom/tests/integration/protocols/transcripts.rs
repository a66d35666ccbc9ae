//! Plays the transcripts of all protocols: without I/O at every split, over TCP at
//! some.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use postroom_protocol::PROTOCOLS;

use crate::harness::transcript::{Cut, Quiet, Settling, TcpStage, Transcript, play};

/// Positions at which each line is cut in two: all up to here, and those around
/// the places where the buffers and limits of the server end.
const DENSE_CUTS: usize = 160;
const SPARSE_CUTS: &[usize] = &[1_023, 1_024, 1_025, 4_096, 8_191, 8_192, 8_193, 8_194];
/// Cuts over TCP, where each takes time: lines together, bytes alone, and lines
/// cut within the first word, behind it and further on.
const TCP_CUTS: [Cut; 6] =
    [Cut::Turns, Cut::Pipelined, Cut::Bytes, Cut::At(1), Cut::At(6), Cut::At(13)];

/// The cuts that need no I/O.
fn cuts(transcript: &Transcript) -> Vec<Cut> {
    let length = transcript.longest_line();
    let dense = 1..length.min(DENSE_CUTS);
    let sparse = SPARSE_CUTS.iter().copied().filter(|at| *at < length);
    let ends = [length.saturating_sub(2), length.saturating_sub(1)];
    let mut positions: Vec<_> = dense.chain(sparse).chain(ends).filter(|at| *at > 0).collect();
    positions.sort_unstable();
    positions.dedup();
    positions.into_iter().map(Cut::At).chain([Cut::Turns, Cut::Pipelined, Cut::Bytes]).collect()
}

/// Plays each at every split.
fn play_quietly(settling: Settling) {
    for_each_transcript(|transcript| {
        for cut in cuts(transcript) {
            play(transcript, Quiet::start(transcript, settling), cut);
        }
    });
}

/// Plays the transcripts of all protocols, several at one time: most of the time
/// over TCP is spent waiting for disks and pauses.
fn for_each_transcript(play: impl Fn(&Transcript) + Sync) {
    const AT_ONCE: usize = 4;
    let transcripts: Vec<_> =
        PROTOCOLS.iter().flat_map(|protocol| Transcript::all(protocol.name)).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(transcript) = transcripts.get(next.fetch_add(1, Ordering::Relaxed)) {
            play(transcript);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(work);
        }
    });
}

#[test]
fn every_protocol_answers_its_transcripts_at_every_split() {
    play_quietly(Settling::Each);
}

#[test]
fn every_protocol_answers_its_transcripts_at_every_split_with_late_commits() {
    play_quietly(Settling::Late);
}

#[test]
fn every_protocol_answers_its_transcripts_over_tcp() {
    for_each_transcript(|transcript| {
        for cut in TCP_CUTS.iter().filter(|cut| is_worth_its_pauses(transcript, **cut)) {
            play(transcript, TcpStage::start(transcript), *cut);
        }
    });
}

/// Where time must pass, one way to cut small is enough.
fn is_worth_its_pauses(transcript: &Transcript, cut: Cut) -> bool {
    !(transcript.has_pauses() && matches!(cut, Cut::At(_) | Cut::Pipelined))
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

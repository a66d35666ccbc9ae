//! The transcripts of `crates/postroom-protocol/transcripts`, played without
//! input and output and over TCP, with what is sent cut in every way.

use crate::harness::transcript::{Cut, Quiet, Settling, Transcript, Wire, play};

/// Positions at which each line is cut in two: all up to here, and those around
/// the places where the buffers and limits of the server end.
const DENSE_CUTS: usize = 160;
const SPARSE_CUTS: &[usize] = &[1_023, 1_024, 1_025, 4_096, 8_191, 8_192, 8_193, 8_194];

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

fn play_quietly(protocol: &str, settling: Settling) {
    for transcript in Transcript::all(protocol) {
        for cut in cuts(&transcript) {
            play(&transcript, Quiet::start(&transcript, settling), cut);
        }
    }
}

/// Most of the time is spent waiting for disks and pauses, so several are played
/// at one time.
fn play_over_tcp(protocol: &str, cuts: &[Cut]) {
    const AT_ONCE: usize = 4;
    let transcripts = Transcript::all(protocol);
    std::thread::scope(|scope| {
        for share in transcripts.chunks(transcripts.len().div_ceil(AT_ONCE)) {
            scope.spawn(move || {
                for transcript in share {
                    for cut in cuts.iter().filter(|cut| is_worth_its_pauses(transcript, **cut)) {
                        play(transcript, Wire::start(transcript), *cut);
                    }
                }
            });
        }
    });
}

/// Where time must pass, one way to cut small is enough.
fn is_worth_its_pauses(transcript: &Transcript, cut: Cut) -> bool {
    !(transcript.has_pauses() && matches!(cut, Cut::At(_) | Cut::Pipelined))
}

#[test]
fn mailbox_answers_its_transcripts_at_every_split() {
    play_quietly("mailbox", Settling::Each);
}

#[test]
fn mailbox_answers_its_transcripts_at_every_split_with_late_commits() {
    play_quietly("mailbox", Settling::Late);
}

#[test]
fn mailbox_verbose_answers_its_transcripts_at_every_split() {
    play_quietly("mailbox-verbose", Settling::Each);
}

#[test]
fn mailbox_verbose_answers_its_transcripts_at_every_split_with_late_commits() {
    play_quietly("mailbox-verbose", Settling::Late);
}

#[test]
fn mailbox_answers_its_transcripts_over_tcp() {
    play_over_tcp("mailbox", &[Cut::Turns, Cut::Pipelined]);
}

#[test]
fn mailbox_answers_its_transcripts_over_tcp_in_small_packets() {
    play_over_tcp("mailbox", &[Cut::Bytes, Cut::At(1), Cut::At(6), Cut::At(9)]);
}

#[test]
fn mailbox_verbose_answers_its_transcripts_over_tcp() {
    play_over_tcp("mailbox-verbose", &[Cut::Turns, Cut::Pipelined]);
}

#[test]
fn mailbox_verbose_answers_its_transcripts_over_tcp_in_small_packets() {
    play_over_tcp("mailbox-verbose", &[Cut::Bytes, Cut::At(1), Cut::At(6), Cut::At(13)]);
}

#[test]
fn im_answers_its_transcripts_at_every_split() {
    play_quietly("im", Settling::Each);
}

#[test]
fn im_answers_its_transcripts_at_every_split_with_late_commits() {
    play_quietly("im", Settling::Late);
}

#[test]
fn im_answers_its_transcripts_over_tcp() {
    play_over_tcp("im", &[Cut::Turns, Cut::Bytes, Cut::Pipelined]);
}

#[test]
fn board_answers_its_transcripts_at_every_split() {
    play_quietly("board", Settling::Each);
}

#[test]
fn board_answers_its_transcripts_at_every_split_with_late_commits() {
    play_quietly("board", Settling::Late);
}

#[test]
fn board_answers_its_transcripts_over_tcp() {
    play_over_tcp("board", &[Cut::Turns, Cut::Bytes, Cut::At(1), Cut::At(2), Cut::Pipelined]);
}

#[test]
fn chat_answers_its_transcripts_at_every_split() {
    play_quietly("chat", Settling::Each);
}

#[test]
fn chat_answers_its_transcripts_at_every_split_with_late_commits() {
    play_quietly("chat", Settling::Late);
}

#[test]
fn chat_answers_its_transcripts_over_tcp() {
    play_over_tcp("chat", &[Cut::Turns, Cut::Bytes, Cut::Pipelined]);
}

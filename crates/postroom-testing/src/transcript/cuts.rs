//! All transcripts, and the ways to cut their lines into writes.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Cut, Transcript};

/// Positions at which each line is cut in two: all up to this one, and those near the
/// sizes of the server's buffers and limits.
const DENSE_CUTS: usize = 160;
const SPARSE_CUTS: &[usize] = &[1_023, 1_024, 1_025, 4_096, 8_191, 8_192, 8_193, 8_194];
/// All useful ways to cut a transcript, for a stage on which playing takes no time.
#[must_use]
pub fn every_cut(transcript: &Transcript) -> Vec<Cut> {
    let length = transcript.longest_line();
    let dense = 1..length.min(DENSE_CUTS);
    let sparse = SPARSE_CUTS.iter().copied().filter(|at| *at < length);
    let ends = [length.saturating_sub(2), length.saturating_sub(1)];
    let mut positions: Vec<_> = dense.chain(sparse).chain(ends).filter(|at| *at > 0).collect();
    positions.sort_unstable();
    positions.dedup();
    positions.into_iter().map(Cut::At).chain([Cut::Turns, Cut::Pipelined, Cut::Bytes]).collect()
}

/// Plays the transcripts of these protocols concurrently: over TCP most of the time is
/// spent waiting for disks and pauses.
pub fn for_each_transcript(protocols: &[&str], play: impl Fn(&Transcript) + Sync) {
    const AT_ONCE: usize = 4;
    let transcripts: Vec<_> =
        protocols.iter().flat_map(|protocol| Transcript::all(protocol)).collect();
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

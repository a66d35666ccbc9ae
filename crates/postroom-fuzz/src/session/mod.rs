//! Sessions: any bytes at any split, with replies, events, timers and ends between them.
//!
//! The target is the office and the driver of one session. Actions of a script:
//!
//! | action | meaning |
//! |---|---|
//! | `f`, `b` | what follows is said on the front stream, on the back stream |
//! | `.` `2` `x` `-` `?` | the earliest request succeeds, in another way, is refused, unavailable, unknown |
//! | `D`, `d` | the dial succeeds, fails |
//! | `e`, `E` | the client half-closes the front stream, the back stream |
//! | `t` `T` `L` | a live line: with a mark, without one, a long one with a mark |
//! | `w` | the sender of the latest line no longer waits |
//! | `p`, `P` | a post: with a mark, without one |
//! | `m` `a` `g` `G` | mail waits, users came and went, posts were missed, lines were missed |
//! | `0` to `3` | this timer elapses, if it is set |
//! | `s`, `v` | the server stops, the session is evicted |
//! | `z` | the client stops reading, or goes on |
//! | `+`, `/` | what follows proves receipt, proves nothing |

mod bench;
mod judge;
mod office;

use postroom_protocol::Protocol;

use crate::script::{Step, steps};
use bench::{Bench, Cut};

pub(crate) fn mailbox(input: &[u8]) {
    run("mailbox", input);
}

pub(crate) fn mailbox_verbose(input: &[u8]) {
    run("mailbox-verbose", input);
}

pub(crate) fn im(input: &[u8]) {
    run("im", input);
}

/// A client of im that is logged in and has a back stream, on which the input begins.
pub(crate) fn im_receipts(input: &[u8]) {
    run("im", &[b"/login bob 1\n%./port 30232\n%D%b", input].concat());
}

pub(crate) fn board(input: &[u8]) {
    run("board", input);
}

pub(crate) fn chat(input: &[u8]) {
    run("chat", input);
}

/// Plays the script, and once more with its bytes one at a time and one request a turn:
/// the client is told the same.
fn run(protocol: &str, input: &[u8]) {
    let protocol = Protocol::find(protocol).expect("a protocol has this name");
    let steps = steps(input);
    let whole = Bench::play(protocol, &steps, Cut::Whole);
    // Which message is confirmed may depend on which bytes proved receipt.
    if !steps.contains(&Step::Action(b'+')) {
        let bytes = Bench::play(protocol, &steps, Cut::Bytes);
        assert_eq!(whole, bytes, "the same input is answered in two ways");
    }
}

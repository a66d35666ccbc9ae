//! libFuzzer over one target, named by the variable `POSTROOM_FUZZ_TARGET`.
//!
//! `cargo xtask fuzz` builds this program with coverage counters and runs it.

#![no_main]
#![expect(clippy::expect_used, reason = "without a target there is nothing to run")]

use std::sync::OnceLock;

use postroom_fuzz::Target;

static TARGET: OnceLock<&'static Target> = OnceLock::new();

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let target = TARGET.get_or_init(|| {
        let name = std::env::var("POSTROOM_FUZZ_TARGET").unwrap_or_default();
        Target::find(&name).expect("POSTROOM_FUZZ_TARGET must name a target")
    });
    (target.run)(data);
});

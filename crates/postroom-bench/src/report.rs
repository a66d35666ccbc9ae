//! Everything that the program prints.
#![expect(clippy::print_stdout, reason = "printing is what the program is for")]
#![expect(clippy::print_stderr, reason = "failures go where tables do not")]

/// A line of the result.
pub(crate) fn line(text: &str) {
    println!("{text}");
}

/// A remark that is not part of the result.
pub(crate) fn note(text: &str) {
    eprintln!("postroom-bench: {text}");
}

/// Why there is no result.
pub(crate) fn failure(error: &anyhow::Error) {
    eprintln!("postroom-bench: {error:#}");
}

//! Every input of the corpora, and those that were once found to break something, holds
//! the laws of its target.

#![expect(clippy::unwrap_used, reason = "in a test it is the failure")]

use std::fs;
use std::path::{Path, PathBuf};

use postroom_fuzz::TARGETS;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

fn inputs(folder: &Path) -> Vec<PathBuf> {
    let mut inputs: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    inputs.sort();
    inputs
}

#[test]
fn every_input_of_the_corpora_holds_the_laws_of_its_target() {
    for target in TARGETS {
        let inputs = inputs(&corpus().join(target.name));
        assert!(!inputs.is_empty(), "{} has no corpus", target.name);
        for input in inputs {
            // The last one is the one that fails.
            println!("{}", input.display());
            (target.run)(&fs::read(&input).unwrap());
        }
    }
}

#[test]
fn every_corpus_has_a_target_and_is_small() {
    for folder in inputs(&corpus()) {
        let name = folder.file_name().unwrap().to_str().unwrap();
        assert!(TARGETS.iter().any(|target| target.name == name), "no target {name}");
        let bytes: u64 =
            inputs(&folder).iter().map(|input| fs::metadata(input).unwrap().len()).sum();
        assert!(bytes <= 16_384, "{name} has {bytes} bytes");
    }
}

#!/bin/sh
# Runs all tests, and first installs what they need. Further arguments go to
# `cargo test` as they are.
set -eu
cd "$(dirname -- "$0")/.."
scripts/setUp.sh
exec cargo test --workspace --locked "$@"

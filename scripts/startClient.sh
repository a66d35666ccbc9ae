#!/bin/sh
# Starts the client at the server's mailbox-verbose listener at HOST and PORT.
#
# Further arguments go to `postroom mail` as they are. The program is
# $POSTROOM, or the first of: postroom on the PATH, the checkout's release
# build, its debug build, and a build made now.
set -eu

usage() {
    printf 'usage: %s HOST PORT [OPTION...]\n' "$0" >&2
    exit 2
}

[ "$#" -ge 2 ] || usage
case $2 in
    '' | *[!0-9]*) usage ;;
esac
set -- mail "$@"

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
if [ -n "${POSTROOM:-}" ]; then
    exec "$POSTROOM" "$@"
elif command -v postroom >/dev/null 2>&1; then
    exec postroom "$@"
elif [ -x "$target/release/postroom" ]; then
    exec "$target/release/postroom" "$@"
elif [ -x "$target/debug/postroom" ]; then
    exec "$target/debug/postroom" "$@"
else
    exec cargo run --release --quiet --manifest-path "$root/Cargo.toml" \
        --package postroom -- "$@"
fi

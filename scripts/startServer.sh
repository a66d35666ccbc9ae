#!/bin/sh
# Starts the server with the protocol mailbox-verbose at PORT of ADDRESS, which is
# 127.0.0.1 unless given: only this machine reaches it there. 0.0.0.0 or :: opens it
# to every machine that can reach this one, unencrypted and without passwords
# (--allow-open): for a network whose users you trust.
#
# Further arguments go to `postroom serve` as they are. The program is
# $POSTROOM, or the first of: postroom on the PATH, the checkout's release
# build, its debug build, and a build made now.
set -eu

usage() {
    printf 'usage: %s PORT [ADDRESS] [OPTION...]\n' "$0" >&2
    exit 2
}

[ "$#" -ge 1 ] || usage
case $1 in
    '' | *[!0-9]*) usage ;;
esac
port=$1
shift
address=127.0.0.1
case ${1:-} in
    '' | -*) ;;
    *:*:*) # IPv6, with or without its brackets
        address=${1#[}
        address="[${address%]}]"
        shift
        set -- --allow-open "$@"
        ;;
    *)
        address=$1
        shift
        set -- --allow-open "$@"
        ;;
esac
set -- serve --listen "mailbox-verbose=$address:$port" "$@"

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

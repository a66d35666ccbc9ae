#!/bin/sh
# Builds the Debian package and prints its path. usage: buildPackage.sh [VERSION]
#
# VERSION is that of the package, and unless given the program's own. The program is
# $POSTROOM, or a release build made now. It needs `cargo deb` and the package dpkg-dev.
set -eu

[ "$#" -le 1 ] || {
    printf 'usage: %s [VERSION]\n' "$0" >&2
    exit 2
}
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
case $target in /*) ;; *) target=$PWD/$target ;; esac
case ${POSTROOM:-} in '' | /*) ;; *) POSTROOM=$PWD/$POSTROOM ;; esac
# Cargo reads the settings of the build (.cargo) from here.
cd "$root"
cargo deb --version >/dev/null 2>&1 || {
    printf 'buildPackage.sh: there is no cargo deb; install it: cargo install cargo-deb --locked\n' >&2
    exit 1
}
if [ -z "${POSTROOM:-}" ]; then
    cargo build --release --locked --package postroom >&2
    POSTROOM=$target/release/postroom
fi
version=${1:-$("$POSTROOM" --version | cut -d ' ' -f 2)-1}

# What cargo deb takes for the folder of builds: it holds this program and what it writes.
stage=$target/package
files=$stage/release
rm -rf "$files"
mkdir -p "$files"
strip --strip-unneeded -o "$files/postroom" "$POSTROOM"
"$POSTROOM" generate --man "$files/man" --completions "$files/completions"
gzip -9n "$files"/man/*
sed 's|/usr/local/bin/|/usr/bin/|; s|^# Runs Postroom.*|# Runs Postroom as a service of systemd.|; /^# \/etc\/systemd/d' \
    "$root/contrib/systemd/postroom.service" >"$files/postroom.service"
printf 'postroom (%s) unstable; urgency=medium\n\n  * %s\n\n -- %s  %s\n' "$version" \
    'See /usr/share/doc/postroom/changelog.gz.' 'The Postroom developers <postroom@localhost>' \
    "$(date -R -r "$root/CHANGELOG.md")" | gzip -9n >"$files/changelog.Debian.gz"

package=$stage/postroom_$version.deb
# Of its warnings, one is about units that it does not look for where they are.
CARGO_TARGET_DIR=$stage cargo deb --quiet --no-build --manifest-path "$root/crates/postroom/Cargo.toml" \
    --deb-version "$version" --output "$package" >&2
printf '%s\n' "$package"

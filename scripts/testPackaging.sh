#!/usr/bin/env bash
# Tests the Debian package and the image, and installs first what that needs. It needs root.
# $POSTROOM names the program to pack; without it a release build is made.
set -euo pipefail
cd "$(dirname "$0")/.."

CARGO_DEB=3.8.0

for command in buildah debootstrap dpkg-shlibdeps lintian strip; do
    if ! command -v "$command" >/dev/null; then
        apt-get update >&2
        DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
            binutils buildah debootstrap dpkg-dev lintian >&2
        break
    fi
done
if ! cargo deb --version 2>/dev/null | grep -q "$CARGO_DEB"; then
    cargo install cargo-deb --locked --version "$CARGO_DEB" --no-default-features
fi
target=${CARGO_TARGET_DIR:-target}
scripts/testPackage.sh "$target/debian"
scripts/testImage.sh "$target/debian"

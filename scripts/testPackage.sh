#!/bin/sh
# Builds the Debian package in two versions and tries it in a new Debian: installs it, runs
# the command of its service, upgrades, removes and purges it. usage: testPackage.sh [FOLDER]
#
# FOLDER is where the Debian goes; one that is there from a run before is used again. The
# program is $POSTROOM, or a release build. It needs root, `cargo deb`, debootstrap and
# lintian, and for a new Debian what makeDebian.sh needs.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)

fail() {
    printf 'testPackage.sh: %s\n' "$1" >&2
    exit 1
}
[ "$(id -u)" = 0 ] || fail 'only root can make a Debian to install the package in'
for command in debootstrap lintian unshare ip; do
    command -v "$command" >/dev/null 2>&1 || fail "there is no $command; install its package"
done

older=$("$root/scripts/buildPackage.sh" 0.1.0-1)
newer=$("$root/scripts/buildPackage.sh" 0.1.0-2)

# A package that is not Debian's closes no bug there, and the project has no address for mail.
lintian --no-cfg --allow-root --fail-on error,warning --suppress-tags \
    initial-upload-closes-no-bugs,bogus-mail-host,bogus-mail-host-in-debian-changelog "$newer"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
clean=${1:-$work/debian}
"$root/scripts/makeDebian.sh" "$clean"
cp -a "$clean" "$work/root"
cp "$older" "$work/root/older.deb"
cp "$newer" "$work/root/newer.deb"
cp "$root/scripts/testPackage.d/inside.sh" "$work/root/inside.sh"

# Of its own: mounts, processes, all of which end with it, and a network.
unshare --mount --pid --fork --kill-child --net sh -eu -c '
    ip link set lo up
    mount -t proc proc "$1/proc"
    chroot "$1" sh -eu /inside.sh
' sh "$work/root"

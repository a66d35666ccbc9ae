#!/bin/sh
# Makes a small Debian in a folder, unless it is there from a run before. usage:
# makeDebian.sh FOLDER
#
# It needs root, debootstrap and an archive of Debian's packages ($MIRROR, if set).
set -eu

[ "$#" = 1 ] || {
    printf 'usage: %s FOLDER\n' "$0" >&2
    exit 2
}
[ ! -e "$1" ] || exit 0
# Under another name until it is whole.
rm -rf "$1.part"
mkdir -p "$1.part"
debootstrap --variant=minbase bookworm "$1.part" ${MIRROR:+"$MIRROR"} >"$1.log" 2>&1 || {
    tail -n 20 "$1.log" >&2
    printf 'makeDebian.sh: debootstrap could not make a Debian; all it said is in %s\n' "$1.log" >&2
    exit 1
}
mv "$1.part" "$1"

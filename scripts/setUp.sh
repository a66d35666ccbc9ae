#!/bin/sh
# Installs what the tests call beside Rust, on Debian and Ubuntu; where that is not
# allowed, or elsewhere, names it in one line.
set -eu

# Each command and the package that has it: cc builds SQLite and c++ libFuzzer; strace
# makes disks fail; unshare and setsid make small disks, networks and terminals; ip cuts
# networks; fail2ban-regex and systemd-analyze try what is in contrib; groff reads the
# man pages; openssl, python3 and curl are clients of TLS; python3 with requests and
# websocket is one of HTTP.
missing=''
for pair in cc:gcc c++:g++ strace:strace unshare:util-linux setsid:util-linux ip:iproute2 \
    fail2ban-regex:fail2ban systemd-analyze:systemd groff:groff-base \
    openssl:openssl python3:python3 curl:curl; do
    if ! command -v "${pair%%:*}" >/dev/null 2>&1; then
        case " $missing " in
            *" ${pair##*:} "*) ;;
            *) missing="$missing ${pair##*:}" ;;
        esac
    fi
done
modules='import requests, websocket'
python3 -c "$modules" 2>/dev/null || /usr/bin/python3 -c "$modules" 2>/dev/null ||
    missing="$missing python3-requests python3-websocket"
[ -n "$missing" ] || exit 0
# The headers that gcc needs, which it only recommends.
case " $missing " in *' gcc '*) missing="$missing libc6-dev" ;; esac

refuse() {
    printf 'setUp.sh: the tests need these packages, %s; install them:%s\n' "$1" "$missing" >&2
    exit 1
}

command -v apt-get >/dev/null 2>&1 || refuse 'and this system has no apt-get'
if [ "$(id -u)" = 0 ]; then
    as_root=''
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    as_root=sudo
else
    refuse 'and only root may install them'
fi
export DEBIAN_FRONTEND=noninteractive
# Word splitting is meant: both hold words.
# shellcheck disable=SC2086
{
    $as_root apt-get update >&2 &&
        $as_root apt-get install --yes --no-install-recommends $missing >&2
} || refuse 'and apt-get could not install them'

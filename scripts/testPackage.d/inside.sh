# What testPackage.sh does in the new Debian, as root: /older.deb and /newer.deb are there.
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
data=/var/lib/postroom

fail() {
    printf 'testPackage.sh: %s\n' "$1" >&2
    [ ! -e /log ] || cat /log >&2
    exit 1
}

# Fails unless what was found is what was expected.
same() {
    [ "$2" = "$3" ] || fail "$1: expected \"$2\", found \"$3\""
}

as_postroom() {
    runuser --user postroom -- "$@"
}

unit() {
    sed -n "s/^$1=//p" /usr/lib/systemd/system/postroom.service
}

# Runs the command of the service until it is ready, as its user in its folder.
start() {
    : >/said
    # Word splitting is meant: systemd splits it too.
    # shellcheck disable=SC2046
    (cd "$(unit WorkingDirectory)" &&
        exec setpriv --reuid="$(unit User)" --regid="$(unit Group)" --clear-groups \
            $(unit ExecStart) >/said 2>/log) &
    server=$!
    until grep -q '^ready$' /said; do
        kill -0 "$server" 2>/dev/null || fail 'the command of the service has ended'
        sleep 0.1
    done
}

stop() {
    kill -TERM "$server"
    wait "$server" || fail 'the server did not stop as it should'
}

send() {
    as_postroom postroom send --server 127.0.0.1:4401 --as bob alice "$1"
}

receive() {
    as_postroom postroom read --server 127.0.0.1:4401 --as alice
}

step() {
    printf '== %s\n' "$1"
}

step 'install'
dpkg --install /older.deb >/log 2>&1 || fail 'dpkg cannot install the package'
rm /log
same 'the folder' 'postroom postroom 700' "$(stat -c '%U %G %a' "$data")"
same 'the shell of the user' '/usr/sbin/nologin' "$(getent passwd postroom | cut -d : -f 7)"
same 'the settings are a conffile' '/etc/postroom.toml' \
    "$(dpkg-query -W -f '${Conffiles}' postroom | sed -n 's/^ \([^ ]*\) .*/\1/p')"
same 'the command of the service' "$(command -v postroom)" "$(unit ExecStart | cut -d ' ' -f 1)"
same 'the service is enabled' '/lib/systemd/system/postroom.service' \
    "$(readlink /etc/systemd/system/multi-user.target.wants/postroom.service | sed 's|^/usr||')"
as_postroom postroom config check --config /etc/postroom.toml >/dev/null

step 'run the command of the service'
start
same 'the listeners are on loopback' '5' "$(grep -c ' 127\.0\.0\.1:440[1-5]$' /said)"
for message in one two three; do send "$message"; done
same 'a message' 'bob: one' "$(receive)"
as_postroom postroom status --config /etc/postroom.toml >/dev/null || fail 'it has no status'

step 'upgrade while the server runs'
printf '\n# kept\n' >>/etc/postroom.toml
dpkg --install --force-confdef --force-confold /newer.deb >/log 2>&1 || fail 'dpkg cannot upgrade'
rm /log
same 'the version' '0.1.0-2' "$(dpkg-query -W -f '${Version}' postroom)"
grep -q '^# kept$' /etc/postroom.toml || fail 'the changed settings were replaced'
# Without systemd nobody has started the server again.
stop
start
same 'a message of before the upgrade' 'bob: two' "$(receive)"
stop

step 'remove, and install again'
dpkg --remove postroom >/log 2>&1 || fail 'dpkg cannot remove the package'
rm /log
[ ! -e /usr/bin/postroom ] || fail 'the program is still there'
[ -e "$data/data/postroom.db" ] || fail 'the data was removed'
[ -e /etc/postroom.toml ] || fail 'the settings were removed'
dpkg --install --force-confold /newer.deb >/log 2>&1 || fail 'dpkg cannot install it again'
rm /log
start
same 'a message of before the removal' 'bob: three' "$(receive)"
stop

step 'purge'
dpkg --purge postroom >/log 2>&1 || fail 'dpkg cannot purge the package'
rm /log
[ ! -e "$data" ] || fail "$data was not purged"
[ ! -e /etc/postroom.toml ] || fail 'the settings were not purged'
same 'what is left' '' "$(find /etc /usr /var/lib -name '*postroom*' ! -path '/var/lib/dpkg/*')"
# A folder that is there belongs to someone.
install --directory --owner=daemon --mode=755 "$data"
dpkg --install /newer.deb >/log 2>&1 || fail 'dpkg cannot install it anew'
same 'the folder of another owner' 'daemon 755' "$(stat -c '%U %a' "$data")"
printf 'ok: the package was installed, run, upgraded, removed and purged\n'

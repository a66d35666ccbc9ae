#!/bin/sh
# Builds the image of the Dockerfile with buildah, and runs it as a container would: as its
# user, without rights, on a root that cannot be written, with a volume. usage:
# testImage.sh [FOLDER]
#
# FOLDER is a Debian that testPackage.sh has made, or where one is made now. It stands for
# the images that the Dockerfile begins with, and $POSTROOM, or a release build, for what its
# compiler makes: no registry of images is asked. It needs root, buildah, debootstrap and
# python3.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)

fail() {
    printf 'testImage.sh: %s\n' "$1" >&2
    exit 1
}
[ "$(id -u)" = 0 ] || fail 'only root can build and run the image without a service for it'
for command in buildah debootstrap python3 unshare ip; do
    command -v "$command" >/dev/null 2>&1 || fail "there is no $command; install its package"
done
if [ -z "${POSTROOM:-}" ]; then
    (cd "$root" && cargo build --release --locked --package postroom)
    POSTROOM=${CARGO_TARGET_DIR:-$root/target}/release/postroom
fi

work=$(mktemp -d)
export STORAGE_DRIVER=vfs BUILDAH_ISOLATION=chroot
images() {
    buildah --root "$work/images" --runroot "$work/run" "$@"
}
clean_up() {
    images umount --all >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap clean_up EXIT

debian=${1:-$work/debian}
"$root/scripts/makeDebian.sh" "$debian"

printf '== build\n'
# In place of a compiler: refuses other words, and a checkout without the settings of the build.
cat >"$work/cargo" <<'END'
#!/bin/sh
set -eu
[ "$*" = 'build --release --locked --package postroom' ]
[ -e .cargo/config.toml ] && [ -e crates/postroom/Cargo.toml ] && [ -e Cargo.lock ]
[ ! -e target ] && [ ! -e .git ]
mkdir -p target/release
cp /usr/local/cargo/postroom target/release/postroom
END
chmod +x "$work/cargo"
bases=$(sed -n 's/^FROM \([^ ]*\).*/\1/p' "$root/Dockerfile")
for base in $bases; do
    container=$(images from scratch)
    images add --quiet "$container" "$debian" / >/dev/null
    case $base in
        rust:*)
            images copy --quiet "$container" "$work/cargo" /usr/local/bin/cargo >/dev/null
            images copy --quiet "$container" "$POSTROOM" /usr/local/cargo/postroom >/dev/null
            ;;
    esac
    images commit --quiet "$container" "docker.io/library/$base" >/dev/null
    images rm "$container" >/dev/null
done
images build --pull=never --format docker --quiet --tag postroom "$root" >/dev/null
container=$(images from --pull-never postroom)
images inspect --type image postroom >"$work/image.json"
mounted=$(images mount "$container")

printf '== run\n'
unshare --mount --pid --fork --kill-child --net python3 "$root/scripts/testImage.d/run.py" \
    "$mounted" "$work/image.json" "$work/volume"

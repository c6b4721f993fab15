#!/usr/bin/env bash
# Prints the folder of a Debian 13 with Swift 6. With `--make`, makes it where it is not there or was
# made of something else: a minute and a half and 2.7 GB, with root and Debian's mirror. It is
# `swift-trixie` in $MOBILEVIT_CACHE, by default ~/.cache/mobilevit-sdk.
set -euo pipefail

suite=trixie
packages="swiftlang libc6-dev g++ libxml2-dev ca-certificates pkg-config libonnxruntime-dev libssl-dev"
made_of="debian $suite $packages"

cache=${MOBILEVIT_CACHE:-$HOME/.cache/mobilevit-sdk}
root=$cache/swift-$suite
stamp=made-of # in the folder; written last
make=${1:-}

fail() {
    echo "swift_root.sh: $1" >&2
    exit 2
}
current() { [ -f "$root/$stamp" ] && [ "$(cat "$root/$stamp")" = "$made_of" ]; }

if ! current; then
    why="there is no swift on the PATH, and no $root"
    if [ -f "$root/$stamp" ]; then
        why="$root was made of something else"
    elif [ -e "$root" ]; then
        fail "$root was not made by this script; move it away, or name it with MOBILEVIT_SWIFT_ROOT"
    fi
    if [ "$make" != --make ]; then fail "$why; \`make -C ios_demo/ci toolchain\` makes it"; fi
    if [ "$(id -u)" != 0 ]; then
        fail "$why; making it takes root: run this as root once, or install Swift 6"
    fi
    command -v debootstrap > /dev/null || fail "$why; install debootstrap, which makes it"
    mkdir -p "$cache" || fail "$why; $cache cannot be made"
    exec 9> "$root.lock"
    if ! flock --nonblock 9; then
        echo "swift_root.sh: waiting for another that makes $root" >&2
        flock 9
    fi
fi

if ! current; then # nor did the other one make it
    aside=$root.partial
    log=$root.log
    remove() { rm -rf --one-file-system "$@"; }
    trap 'remove "$aside"' EXIT
    remove "$aside"
    echo "swift_root.sh: making $root, 2.7 GB; $log tells how far it is" >&2
    # Mounts are in a namespace of their own, where an interrupt leaves none behind. apt installs the
    # packages: debootstrap does not know that one package can stand for another.
    export suite packages aside
    if ! unshare --mount bash -euc '
        debootstrap --force-check-gpg --variant=minbase "$suite" "$aside"
        mount --rbind /dev "$aside/dev"
        mount -t proc proc "$aside/proc"
        export DEBIAN_FRONTEND=noninteractive
        chroot "$aside" apt-get install --no-install-recommends --yes $packages
        chroot "$aside" apt-get clean
    ' > "$log" 2>&1 9>&-; then
        said=$(grep '^E:' "$log" | tail -1) || said=$(tail -1 "$log")
        fail "making $root failed: ${said:-nothing was said}; it takes Debian's mirror, and a root that may mount. $log has it all"
    fi
    remove "$aside/var/cache/apt/archives"/*.deb "$aside/var/lib/apt/lists"/*
    echo "$made_of" > "$aside/$stamp"
    # ci/swift holds it while it runs something in the old one
    exec 8> "$root.in-use"
    flock 8
    if [ -e "$root" ]; then mv "$root" "$root.old"; fi
    mv "$aside" "$root"
    remove "$root.old"
    trap - EXIT
fi
echo "$root"

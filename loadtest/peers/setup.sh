#!/usr/bin/env bash
# Fetches the peers that longwave is measured against, each from its own registry, into
# target/peers/NAME: nothing is installed on the machine, no root is needed, `rm -r` removes it.
#
#   usage: loadtest/peers/setup.sh [NAME...]        without a name: all of them
#
#   nchan         nginx and libnginx-mod-nchan, Debian packages (needs apt-get and dpkg-deb)
#   bun           Bun, from npm (needs npm)
#   ws socketio   from npm (needs npm; node 20 or later to run)
#   tungstenite   a relay on tokio-tungstenite, built from crates.io (needs cargo)
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
peers=${CARGO_TARGET_DIR:-$root/target}/peers

ALL=(nchan bun ws socketio tungstenite)
BUN=bun@1.4.5
WS=ws@8.23.0
SOCKETIO=socket.io@4.8.4

need() { # COMMAND
    command -v "$1" >/dev/null || { echo "there is no $1 on this machine" >&2; return 1; }
}

npm_install() { # DIR PACKAGE...
    need npm
    need node
    local dir=$1
    shift
    npm install --prefix "$dir" --no-audit --no-fund --no-package-lock --loglevel=error "$@"
}

# Unpacked rather than installed: no service is started, and an nginx that is there stays as it is.
setup_nchan() {
    local dir=$peers/nchan
    need dpkg-deb
    need apt-get # and its lists: apt-get update
    rm -rf "$dir/debs" "$dir/root"
    mkdir -p "$dir/debs" "$dir/root"
    (cd "$dir/debs" && apt-get download -q nginx libnginx-mod-nchan)
    local deb
    for deb in "$dir"/debs/*.deb; do dpkg-deb -x "$deb" "$dir/root"; done
    "$dir/root/usr/sbin/nginx" -v
}

setup_bun() {
    npm_install "$peers/bun" "$BUN"
    "$peers/bun/node_modules/.bin/bun" --version
}

setup_ws() { npm_install "$peers/ws" "$WS"; }

setup_socketio() { npm_install "$peers/socketio" "$SOCKETIO"; }

setup_tungstenite() {
    cargo build --release --locked --manifest-path "$here/tungstenite/Cargo.toml" --target-dir "$peers/tungstenite"
}

chosen=("$@")
[[ $# -gt 0 ]] || chosen=("${ALL[@]}")
for name in "${chosen[@]}"; do
    if [[ $(type -t "setup_$name") != function ]]; then
        echo "no peer \`$name\`; there are: ${ALL[*]}" >&2
        exit 2
    fi
done
for name in "${chosen[@]}"; do
    echo "== $name"
    mkdir -p "$peers/$name"
    "setup_$name"
done

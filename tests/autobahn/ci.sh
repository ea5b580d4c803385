#!/usr/bin/env bash
# The conformance run as the project demands it: starts the given longwave binary on a free port
# with a message limit that the suite's largest cases need, and runs every case against /echo.
#
#   usage: ci.sh BINARY          [AUTOBAHN_VENV=DIR]
#
# Fails on a case that is FAILED, NON-STRICT or missing, on permessage-deflate (sections 12 and 13)
# that is not agreed upon, and on a server that does not start or does not outlive the run. The suite's
# own client is what takes the time, so two of them share the cases.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
binary=${1:?usage: ci.sh BINARY}
venv=${AUTOBAHN_VENV:-$root/target/autobahn}

sh "$here/setup.sh" "$venv"

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')

log=$(mktemp)
"$binary" --listen "127.0.0.1:$port" --message-bytes-max 16MiB >"$log" 2>&1 &
server=$!
disown      # its end is ours to report, not the shell's
finish() {
    kill -KILL "$server" 2>/dev/null || true
    rm -f "$log"
}
trap finish EXIT

run() {
    "$here/run.py" "ws://127.0.0.1:$port/echo" --venv "$venv" --agent longwave --strict --require '12.*,13.*' \
        --timeout 800 --stall 300 "$@"
}

status=0 other=0
half=$(mktemp)
run --cases '13.*' >"$half" 2>&1 &
beside=$!
run --exclude '13.*' || status=$?
wait "$beside" || other=$?
cat "$half"
rm -f "$half"
[[ $status -ne 0 ]] || status=$other

if ! kill -0 "$server" 2>/dev/null; then
    echo "ci.sh: the server did not outlive the run; the end of what it said:" >&2
    tail -n 20 "$log" >&2
    status=1
elif [[ $status -ne 0 ]]; then
    echo "ci.sh: the end of what the server said:" >&2
    tail -n 20 "$log" >&2
fi
exit "$status"

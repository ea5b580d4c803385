#!/usr/bin/env bash
# What slow subscribers, floods and neighbours cost: each scene starts a server of its own and prints
# its figures. Times mean little on a busy machine; the ratios are of spans taken in turn in one run.
#
#   usage: benches/scenes.sh [stalled|memory|flood|beside|idle]...        (default: all of them)
#   build: cargo build --release && cargo build --release -p longwave-loadtest
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
release=${CARGO_TARGET_DIR:-target}/release
rounds=${ROUNDS:-7} seconds=${SECONDS_EACH:-5}

# SCENARIO [--server 'OPTIONS'] OPTIONS... -- FIGURE...: runs it and prints those of its figures that are there
scene() {
    local scenario=$1 server='' port json options=()
    shift
    if [[ $1 == --server ]]; then server=$2 && shift 2; fi
    while [[ $1 != -- ]]; do options+=("$1") && shift; done
    shift
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    json=$(mktemp)
    local code=0
    "$release/longwave-loadtest" "$scenario" --url "ws://127.0.0.1:$port/channels/bench" \
        --spawn "$release/longwave --listen {address} $server" "${options[@]//'{port}'/$port}" --json - >"$json" || code=$?
    python3 - "$json" "$scenario" "$code" "$@" <<'PY'
import json, sys
path, scenario, code, *names = sys.argv[1:]
try:
    report = json.load(open(path))
except ValueError:
    sys.exit(f"{scenario}: no report, exit code {code}")
print(f"{scenario}: {report['outcome']} (exit code {code})" + "".join(f"\n  ! {why}" for why in report["reasons"]))
def row(name, value, about):
    text = "not measured" if value is None else f"{value:,.3f}" if abs(value) < 100 else f"{value:,.0f}"
    print(f"  {name:<26} {text:>16}  {about}")
for name, figure in report["figures"].items():
    if any(name == n or n.endswith("*") and name.startswith(n[:-1]) for n in names):
        row(name, figure["value"], figure["about"])
for name, latency in report["latency"].items():
    if "latency" in names and latency["count"]:
        row(f"p99_us {name}", latency["p99_us"], f"p99.9 {latency['p99_9_us']:,.0f}, max {latency['max_us']:,.0f}, of {latency['count']:,}")
PY
    rm -f "$json"
}

# p99 of those who keep up, with a tenth stalled ÷ without any.
stalled() {
    scene slow --subscribers 900 --stalled 100 --paired "$rounds" --size 8KiB --rate 20 --warmup 4s \
        --duration "${seconds}s" --catch-up 30s --allow-saturated -- p50_ratio p99_ratio 'slow_*' latency
}

# User space and kernel memory with a thousand that read nothing.
memory() {
    scene slow --subscribers 10 --stalled 1000 --size 16KiB --rate 100 --warmup 1s --duration "$((4 * seconds))s" \
        --catch-up 30s --allow-saturated -- 'rss_*' 'tcp_*' 'slow_*'
}

# Publishers at twice what fan-out carries, for thirty seconds. Half of the server's core is taken from it by
# another process, so that it is the server that cannot carry more, and not the readers.
flood() {
    local core
    core=$(python3 -c 'import os; print(min(os.sched_getaffinity(0)))')
    taskset -c "$core" timeout 120 sh -c 'while :; do :; done' &
    local spinner=$!
    scene flood --subscribers 1000 --publishers 4 --size 1KiB --window 16 --batch 4 --multiple 2 --duration 30s \
        --target-cores "$core" --allow-saturated -- carried asked sent closed 'rss_*' 'tcp_*'
    kill "$spinner" 2>/dev/null || true
}

# p99 of a channel of ten beside one of ten thousand that is being flooded ÷ alone: the client's, which shares
# its core with the flooded readers, and the server's own.
beside() {
    scene mixed --file loadtest/examples/small-beside-flooded.toml --alone small --rounds "$rounds" \
        --duration "${seconds}s" --metrics 'http://127.0.0.1:{port}/metrics' --metrics-only 'subscribers="11-100"' \
        --allow-saturated -- p50_ratio p99_ratio 'inside_*' latency
}

# User space of an idle connection.
idle() {
    scene idle --connections 10000 --step 1000 --hold 1s -- connection_bytes hold_cpu_share
}

for name in "${@:-all}"; do
    case $name in
    stalled | memory | flood | beside | idle) "$name" ;;
    all) for each in stalled memory flood beside idle; do "$each"; done ;;
    *) echo "usage: benches/scenes.sh [stalled|memory|flood|beside|idle]..." >&2 && exit 2 ;;
    esac
done

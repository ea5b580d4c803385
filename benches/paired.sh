#!/usr/bin/env bash
# Server CPU per delivery of longwave and of a bare send loop, in turn, on the same machine: the
# ratio of each round, and their median. The server has core 0, the client core 1.
#
#   usage: benches/paired.sh [ROUNDS] [SUBSCRIBERS]        (default 11 rounds, 1000 subscribers)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
rounds=${1:-11} subscribers=${2:-1000}
target=${CARGO_TARGET_DIR:-target}/release
loadtest=$target/longwave-loadtest
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true' EXIT

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
start() { # NAME COMMAND...
    local name=$1
    shift
    taskset -c 0 "$@" >/dev/null 2>&1 &
    pids+=($!)
    declare -g "pid_$name=$!"
}

a=$(free_port) b=$(free_port) c=$(free_port)
start longwave "$target/longwave" --listen "127.0.0.1:$a"
start bare "$loadtest" baseline --listen "127.0.0.1:$b"
start coalesce "$loadtest" baseline --coalesce --listen "127.0.0.1:$c"
sleep 1

cost() { # PORT PID SIZE BATCH: microseconds of server CPU per delivery
    taskset -c 1 "$loadtest" fanout --url "ws://127.0.0.1:$1/channels/bench" --pid "$2" --allow-saturated \
        --subscribers "$subscribers" --size "$3" --window "$4" --batch "$4" --rate 0 --duration 2s --warmup 300ms |
        sed -n 's/.*server CPU *\([0-9.]*\) µs per delivery.*/\1/p'
}

for shape in "32 1" "128 1" "1024 1" "16384 1" "32 16" "128 16" "1024 16" "16384 16"; do
    read -r size batch <<<"$shape"
    if [[ $batch == 1 ]]; then other_port=$b other_pid=$pid_bare; else other_port=$c other_pid=$pid_coalesce; fi
    for _ in $(seq "$rounds"); do
        ours=$(cost "$a" "$pid_longwave" "$size" "$batch")
        theirs=$(cost "$other_port" "$other_pid" "$size" "$batch")
        echo "$ours $theirs"
    done | awk -v size="$size" -v batch="$batch" '
        { ratio[NR] = $1 / $2; ours[NR] = $1; theirs[NR] = $2 }
        function median(x, n,    i, j, t) {
            for (i = 2; i <= n; i++) for (j = i; j > 1 && x[j-1] > x[j]; j--) { t = x[j]; x[j] = x[j-1]; x[j-1] = t }
            return n % 2 ? x[(n+1)/2] : (x[n/2] + x[n/2+1]) / 2
        }
        END {
            r = median(ratio, NR)
            printf "%6d B, %2d a turn: longwave %.3f µs, bare %.3f µs a delivery; ratio median %.3f (%.3f to %.3f, %d rounds)\n",
                size, batch, median(ours, NR), median(theirs, NR), r, ratio[1], ratio[NR], NR
        }'
done

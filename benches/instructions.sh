#!/usr/bin/env bash
# User instructions by callgrind, repeatable to the instruction: fan-out per delivery (layers 0 to
# 5), the parts per byte or per frame. Each is the difference of a long and a short run, so set-up
# does not count. With --check it fails above the budgets in benches/instructions.budget.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

binary=$(cargo bench --bench count --no-run --message-format=json 2>/dev/null |
    sed -n 's/.*"executable":"\([^"]*count-[^"]*\)".*/\1/p' | tail -n 1)

total() { # ARGUMENT...
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$binary" "$@" 2>&1 |
        sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
}

status=0
while read -r budget per unit what; do
    [[ -z $budget || $budget == \#* ]] && continue
    read -ra words <<<"$what"
    few=$(total "${words[@]}" 2)
    many=$(total "${words[@]}" 12)
    each=$(awk "BEGIN { printf \"%.3f\", ($many - $few) / (10 * $per) }")
    echo "$what: $each instructions a $unit (budget $budget)"
    if [[ ${1:-} == --check ]] && awk "BEGIN { exit !($each > $budget) }"; then
        echo "over budget: find out why, or bless it in benches/instructions.budget" >&2
        status=1
    fi
done <benches/instructions.budget
exit $status

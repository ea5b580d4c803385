#!/usr/bin/env bash
# User instructions per delivery in layers 0 to 5, by callgrind: repeatable to the instruction.
# With --check it fails above the budgets in benches/instructions.budget.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

binary=$(cargo bench --bench count --no-run --message-format=json 2>/dev/null |
    sed -n 's/.*"executable":"\([^"]*count-[^"]*\)".*/\1/p' | tail -n 1)

total() { # SUBSCRIBERS MESSAGES BYTES TURNS
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$binary" "$@" 2>&1 |
        sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
}

status=0
while read -r subscribers messages bytes budget; do
    [[ $subscribers == \#* ]] && continue
    few=$(total "$subscribers" "$messages" "$bytes" 2)
    many=$(total "$subscribers" "$messages" "$bytes" 12)
    each=$(awk "BEGIN { printf \"%.2f\", ($many - $few) / (10 * $subscribers * $messages) }")
    echo "$subscribers subscribers, $messages messages of $bytes B a turn: $each instructions a delivery (budget $budget)"
    if [[ ${1:-} == --check ]] && awk "BEGIN { exit !($each > $budget) }"; then
        echo "over budget: find out why, or bless it in benches/instructions.budget" >&2
        status=1
    fi
done <benches/instructions.budget
exit $status

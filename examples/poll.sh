#!/usr/bin/env bash
# Follows channels of longwave with curl: one message an answer, and the next question names it.
#
#     poll.sh http://127.0.0.1:8080/channels/news [ID]
#
# Prints each message on standard output, and what else there is to say on standard error. ID says where
# to begin: `oldest`, `-5` for the last five, or the id of a message; without it, with what comes next.
# After a lost connection it goes on behind the last message that it has, so that nothing is missed.
set -euo pipefail

url=${1:?usage: poll.sh URL [ID]}
position=(-H "If-None-Match: ${2:-newest}")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# field NAME: the value of a header field of the last answer.
field() { sed -n "s/^$1: \(.*\)\r$/\1/Ip" "$folder/head"; }

while true; do
    # An answer is held for a while if there is no message; --max-time is for a connection that is dead.
    status=$(curl -sS --max-time 120 "${position[@]}" -D "$folder/head" -o "$folder/body" -w '%{http_code}' "$url") || {
        sleep 1
        continue
    }
    case $status in
    200)
        gap=$(field Longwave-Gap)
        [[ -z $gap ]] || echo "missed messages: $gap" >&2
        cat "$folder/body"
        echo
        ;;
    408) ;; # No message came; the channel's position did.
    503)
        sleep 1
        continue
        ;;
    *)
        echo "$status: $(cat "$folder/body")" >&2
        exit 1
        ;;
    esac
    position=(-H "If-Modified-Since: $(field Last-Modified)" -H "If-None-Match: $(field Etag)")
done

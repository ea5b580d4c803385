#!/usr/bin/env python3
"""Follows channels of longwave as an event stream, with nothing but the standard library.

    subscriber.py http://127.0.0.1:8080/channels/news [ID]

Prints each message on standard output, and what else there is to say on standard error. ID says where
to begin: `oldest`, `-5` for the last five, or the id of a message; without it, with what comes next.
After a lost connection it goes on behind the last message that it has, so that nothing is missed.
"""

import http.client
import json
import sys
import time
import urllib.error
import urllib.request

# longwave sends a comment now and then; who hears nothing for longer has lost the connection.
SILENCE = 90.0


def events(lines):
    """The events of a stream: (event, id, data)."""
    name, last, data = "message", None, []
    for line in lines:
        field, _, value = line.decode().rstrip("\n").partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            name = value
        elif field == "id":
            last = value
        elif field == "data":
            data.append(value)
        elif field == "retry":
            yield "retry", last, value
        elif not field and not value:
            if data:
                yield name, last, "\n".join(data)
            name, data = "message", []


def subscribe(url, last=None):
    """The messages of channels, (event, id, data), through lost connections, for ever."""
    wait = 3.0
    while True:
        headers = {"Accept": "text/event-stream"}
        if last:
            headers["Last-Event-ID"] = last
        try:
            with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=SILENCE) as stream:
                for name, seen, data in events(stream):
                    if name == "retry":
                        wait = int(data) / 1000
                        continue
                    last = seen
                    yield name, seen, data
        except urllib.error.HTTPError as error:
            # 503: it is full, or on its way out. Anything else would be the same the next time.
            if error.code != 503:
                raise
        except (OSError, http.client.HTTPException) as error:
            print(f"connection lost: {error}", file=sys.stderr)
        time.sleep(wait)


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    for name, _, data in subscribe(*sys.argv[1:]):
        if name == "gap":
            gap = json.loads(data)
            print(f"missed {gap['missed'] or 'some'} messages after {gap['after']}", file=sys.stderr)
        else:
            print(data, flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass

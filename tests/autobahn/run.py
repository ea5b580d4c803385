#!/usr/bin/env python3
"""Run the Autobahn|Testsuite fuzzing client against a WebSocket echo server.

    run.py ws://127.0.0.1:9001 [--strict] [--cases '1.*'] [--exclude '9.*'] [--json OUT]

All 517 cases take about five minutes of processor time, and usually longer in
the server, nearly all of it in 12.* and 13.*; without these, or with a server that
declines permessage-deflate, it is under a minute.

Needs the environment that setup.sh makes (target/autobahn below the current
directory, or --venv, or $AUTOBAHN_VENV).

Every case has two results: what was received, and how the connection was
closed.  They are folded into one verdict the way the suite's own HTML report
colours them: a close result of FAILED or UNCLEAN fails the case, WRONG CODE and
FAILED BY CLIENT (the server left closing the TCP connection to the client) make
it NON-STRICT; --behavior-only looks at the first result alone.  With --strict a
NON-STRICT case has failed.

Exit status: 0 no case failed, 1 some case failed or did not run, 2 the suite
could not be run.
"""

import argparse
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from urllib.parse import urlsplit

OK, NON_STRICT, INFO, UNIMPL, FAILED = VERDICTS = (
    "OK", "NON-STRICT", "INFORMATIONAL", "UNIMPLEMENTED", "FAILED")

SECTIONS = {
    "1": "Framing", "2": "Pings/Pongs", "3": "Reserved Bits", "4": "Opcodes",
    "5": "Fragmentation", "6": "UTF-8 Handling", "7": "Close Handling",
    "9": "Limits/Performance", "10": "Misc",
    "12": "Compression (different payloads)",
    "13": "Compression (different parameters)",
}


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("url", help="ws://host:port[/path] of an echo server")
    p.add_argument("--cases", action="append", metavar="PATTERN",
                   help="cases to run: an id (1.1.1) or a pattern (12.1.*); may be repeated "
                        "or comma-separated (default: all)")
    p.add_argument("--exclude", action="append", metavar="PATTERN", help="cases not to run, same form")
    p.add_argument("--json", metavar="OUT", help="write the results there as JSON")
    p.add_argument("--reports", metavar="DIR", help="keep the suite's own HTML/JSON reports there")
    p.add_argument("--agent", default="server", help="name of the server in the reports")
    p.add_argument("--behavior-only", action="store_true", help="ignore how the connection was closed")
    p.add_argument("--require", action="append", metavar="PATTERN", default=[],
                   help="an UNIMPLEMENTED case matching this fails, e.g. '12.*' where the "
                        "server must negotiate permessage-deflate")
    p.add_argument("--declined", action="append", metavar="PATTERN", default=[],
                   help="a case matching this fails unless it is UNIMPLEMENTED: the server "
                        "must decline the extension")
    p.add_argument("--strict", action="store_true", help="a NON-STRICT case has failed")
    p.add_argument("--timeout", type=float, default=3600, metavar="SEC",
                   help="stop the whole run after this long (default 3600)")
    p.add_argument("--stall", type=float, default=600, metavar="SEC",
                   help="stop when no case starts for this long (default 600)")
    p.add_argument("--venv", default=os.environ.get("AUTOBAHN_VENV", os.path.join("target", "autobahn")),
                   help="environment made by setup.sh (default %(default)s)")
    p.add_argument("-v", "--verbose", action="store_true", help="show each case as it starts")
    return p.parse_args()


def split(values):
    return [x.strip() for v in values or [] for x in v.split(",") if x.strip()]


def glob(pattern):
    return re.compile("^" + re.escape(pattern).replace(r"\*", ".*") + "$")


def case_key(case):
    return [int(x) for x in case.split(".")]


def all_cases(python):
    """The suite's case ids, and a check that it can be imported at all."""
    code = ("import json, autobahntestsuite.case as c; "
            "print(json.dumps([k.__name__[4:].replace('_', '.') for k in c.Cases]))")
    out = subprocess.run([python, "-W", "ignore", "-c", code], stdout=subprocess.PIPE)
    if out.returncode:
        sys.exit(2)
    return json.loads(out.stdout.decode().strip().splitlines()[-1])


def select(known, patterns, option):
    """Expand the patterns here: the suite itself matches them as prefixes and
    dies on an id that does not exist."""
    chosen = set()
    for p in patterns:
        hits = [c for c in known if glob(p).match(c)]
        if not hits:
            print("run.py: %s %s matches no case" % (option, p), file=sys.stderr)
            sys.exit(2)
        chosen.update(hits)
    return chosen


def probe(url):
    u = urlsplit(url)
    port = u.port or (443 if u.scheme == "wss" else 80)
    for attempt in range(20):
        try:
            socket.create_connection((u.hostname, port), timeout=5).close()
            return
        except OSError as e:
            error = e
            time.sleep(0.25)
    print("run.py: cannot connect to %s: %s" % (url, error), file=sys.stderr)
    sys.exit(2)


def fuzz(wstest, spec, work, results, args, total):
    """Run wstest; returns (reason it was cut short or None, last case started)."""
    spec_file = os.path.join(work, "fuzzingclient.json")
    with open(spec_file, "w") as f:
        json.dump(spec, f)
    log = open(os.path.join(work, "wstest.log"), "w+")
    env = dict(os.environ, PYTHONUNBUFFERED="1", PYTHONWARNINGS="ignore", WSTEST_RESULTS=results)
    proc = subprocess.Popen([wstest, "-m", "fuzzingclient", "-s", spec_file], cwd=work, env=env,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            errors="replace", start_new_session=True)
    state = {"last": time.time(), "case": None, "n": 0}

    def pump():
        for line in proc.stdout:
            log.write(line)
            m = re.match(r"Running test case ID (\S+)", line)
            if m:
                state.update(last=time.time(), case=m.group(1), n=state["n"] + 1)
                if args.verbose:
                    print("[%d/%d] %s" % (state["n"], total, m.group(1)), flush=True)

    thread = threading.Thread(target=pump, daemon=True)
    thread.start()
    deadline = time.time() + args.timeout
    cut = None
    try:
        while proc.poll() is None:
            now = time.time()
            if now > deadline:
                cut = "stopped after %g s" % args.timeout
            elif now - state["last"] > args.stall:
                cut = "no case started for %g s" % args.stall
            if cut:
                break
            time.sleep(0.1)
    finally:
        if proc.poll() is None:
            os.killpg(proc.pid, signal.SIGKILL)
            proc.wait()
    thread.join(5)
    log.flush()
    log.seek(0)
    text = log.read()
    log.close()
    if cut is None and proc.returncode:
        cut = "wstest exited with status %d" % proc.returncode
    m = re.search(r"Connection to \S+ failed \((.*)\)", text)
    if m:
        cut = "the server stopped accepting connections: %s" % m.group(1)
    elif cut is None and "Traceback (most recent call last)" in text:
        sys.stderr.write("run.py: errors inside the suite, end of its log:\n")
        sys.stderr.write("".join("  " + l + "\n" for l in text.splitlines()[-30:]))
    return cut, state["case"]


def verdict(result, behavior_only):
    behavior, close = result["behavior"], result["behaviorClose"]
    if behavior not in VERDICTS:
        behavior = FAILED
    if behavior_only or behavior in (FAILED, UNIMPL):
        return behavior
    if close in ("FAILED", "UNCLEAN"):
        return FAILED
    if close in ("WRONG CODE", "FAILED BY CLIENT") and behavior == OK:
        return NON_STRICT
    return behavior


def reason(result):
    parts = []
    text = result["result"] or ""
    close, close_text = result["behaviorClose"], result["resultClose"] or ""
    if result["behavior"] not in (OK, NON_STRICT, INFO) and text != close_text:
        # the suite fails a case for its close without renewing this text
        if not text.startswith("Actual events match at least one"):
            parts.append(text)
    if close not in (OK, INFO):
        parts.append("close %s: %s" % (close, close_text))
    code = result["remoteCloseCode"]
    if code is not None and (code != 1000 or close not in (OK, INFO)):
        text = result.get("remoteCloseReason")
        parts.append("close code received: %s%s" % (code, " (%s)" % text if text else ""))
    if result.get("wasNotCleanReason"):
        parts.append(str(result["wasNotCleanReason"]))
    if result["expected"]:
        parts.append("expected %s, received %s" % (brief(result["expected"]), brief(result["received"])))
    return "; ".join(p for p in parts if p)


def matches(case, patterns):
    return any(glob(p).match(case) for p in split(patterns))


def judge(case, result, args):
    """The verdict with what this run demands beyond the suite, and the reason."""
    v, why = verdict(result, args.behavior_only), reason(result)
    if v == UNIMPL and matches(case, args.require):
        return FAILED, "UNIMPLEMENTED: the server did not negotiate the extension"
    if v != UNIMPL and matches(case, args.declined):
        return FAILED, "%s: the server did not decline the extension" % v
    if v == NON_STRICT and args.strict:
        return FAILED, "NON-STRICT; %s" % why
    return v, why


def brief(value, limit=160):
    s = json.dumps(value, ensure_ascii=True)
    return s if len(s) <= limit else s[:limit] + "..."


def main():
    args = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))
    bindir = os.path.join(os.path.abspath(args.venv), "bin")
    wstest = os.path.join(bindir, "wstest")
    if not os.path.exists(wstest):
        print("run.py: no %s: run setup.sh first" % os.path.join(args.venv, "bin", "wstest"), file=sys.stderr)
        return 2
    known = all_cases(os.path.join(bindir, "python"))
    chosen = select(known, split(args.cases) or ["*"], "--cases")
    chosen -= select(known, split(args.exclude), "--exclude")
    cases = sorted(chosen, key=case_key)
    if not cases:
        print("run.py: no case left to run", file=sys.stderr)
        return 2
    probe(args.url)

    work = tempfile.mkdtemp(prefix="autobahn-")
    outdir = os.path.join(work, "reports")
    spec = {"outdir": outdir, "cases": cases, "exclude-cases": [], "exclude-agent-cases": {},
            "servers": [{"agent": args.agent, "url": args.url}]}
    started = time.time()
    try:
        lines = os.path.join(work, "results.jsonl")
        cut, last = fuzz(wstest, spec, work, lines, args, len(cases))
        seconds = time.time() - started
        found = {}
        if os.path.exists(lines):
            with open(lines) as f:
                for line in f:
                    if line.endswith("\n"):
                        one = json.loads(line)
                        found[one["id"]] = one
        results = {}
        for case in cases:
            if case in found:
                full = found[case]
                v, why = judge(case, full, args)
                results[case] = {"verdict": v, "behavior": full["behavior"],
                                 "behaviorClose": full["behaviorClose"],
                                 "remoteCloseCode": full["remoteCloseCode"],
                                 "duration_ms": full["duration"],
                                 "reason": why if v in (FAILED, NON_STRICT) else None}
            else:
                results[case] = {"verdict": FAILED, "behavior": "MISSING", "behaviorClose": "MISSING",
                                 "remoteCloseCode": None, "duration_ms": None,
                                 "reason": ("no result" if case == last else "did not run") +
                                           (" (%s)" % cut if cut else "")}
        if args.reports:
            os.makedirs(args.reports, exist_ok=True)
            if os.path.isdir(outdir):
                shutil.copytree(outdir, args.reports, dirs_exist_ok=True)
            shutil.copy(os.path.join(work, "wstest.log"), args.reports)
    finally:
        shutil.rmtree(work, ignore_errors=True)

    table = {}
    for case, r in results.items():
        row = table.setdefault(case.split(".")[0], dict.fromkeys(VERDICTS, 0))
        row[r["verdict"]] += 1
    print("%-42s %5s %10s %13s %13s %6s" % (("section",) + VERDICTS))
    for s in sorted(table, key=int):
        print("%-42s %5d %10d %13d %13d %6d" % (
            ("%3s %s" % (s, SECTIONS.get(s, "")),) + tuple(table[s][v] for v in VERDICTS)))
    sums = {v: sum(row[v] for row in table.values()) for v in VERDICTS}
    print("%-42s %5d %10d %13d %13d %6d" % (("total",) + tuple(sums[v] for v in VERDICTS)))

    if sums[NON_STRICT]:
        print("\nnon-strict: " + " ".join(c for c in cases if results[c]["verdict"] == NON_STRICT))
    unimplemented = [c for c in cases if results[c]["verdict"] == UNIMPL and not matches(c, args.declined)]
    if unimplemented:
        print("\nunimplemented: " + " ".join(unimplemented))
    if sums[FAILED]:
        print("\nfailed:")
        for c in cases:
            if results[c]["verdict"] == FAILED:
                print("  %-8s %s" % (c, results[c]["reason"]))
    if cut:
        print("\nincomplete run: %s (last case started: %s)" % (cut, last))

    passed = sums[OK] + sums[NON_STRICT] + sums[INFO]
    if args.json:
        with open(args.json, "w") as f:
            json.dump({"url": args.url, "seconds": round(seconds, 1), "incomplete": cut,
                       "passed": passed, "failed": sums[FAILED], "totals": sums,
                       "sections": table, "cases": results}, f, indent=1, sort_keys=True)
            f.write("\n")
    print("\n%d cases in %.0f s%s" % (len(cases), seconds,
          ", %d unimplemented" % sums[UNIMPL] if sums[UNIMPL] else ""))
    print("%d passed, %d failed" % (passed, sums[FAILED]))
    return 1 if sums[FAILED] or cut else 0


if __name__ == "__main__":
    sys.exit(main())

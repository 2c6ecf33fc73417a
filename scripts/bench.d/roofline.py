"""Instructions a packet, counted by callgrind: the same on every machine, and where no hardware counters are."""
import collections
import re
import subprocess
import sys
import tempfile

from harness import Bench, need

SMALLEST = 0.02  # of all instructions: what has less is summed


def count(bench, name, step, *settings):
    """Run a benchmark under callgrind, which counts inside `step` only. Its line of JSON, and {function: instructions}."""
    with tempfile.NamedTemporaryFile() as profile:
        line = Bench.line(["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={profile.name}", f"--toggle-collect={step}",
                           bench.program("tests/bench/" + name), *bench.eal("0@0,1@0,2@1", 256), "--", *settings])
        done = subprocess.run(["callgrind_annotate", "--threshold=100", "--auto=no", profile.name], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"bench: callgrind_annotate: {done.stderr.strip()}")
    functions = collections.Counter()
    for row in done.stdout.splitlines():
        found = re.match(r"\s*([\d,]+) \([^)]*\)\s+\S*?([\w.]+|0x[0-9a-f]+)(?:\.constprop\.\d+)?(?: \[(\S+)\])?$", row)
        if found and ":" in row:
            driver = re.search(r"librte_(\w+)\.so", found[3] or "")
            label = f"driver {driver[1]}" if driver and "net_" in driver[1] else found[2]
            functions[label] += int(found[1].replace(",", ""))
    return line, functions


def roofline(bench):
    """instructions a query and a reply, by function, under callgrind"""
    need("valgrind")
    subjects = {
        "roofline-send": ("a query, random, 28,232 tuples", "sent", count(
            bench, "bench_generate", "worker_sender_step", "policy=random", "seconds=0.3", "warm=0.1", "turns=1", "size_rate=1e6")),
        "roofline-receive": ("a reply, random, 2^16 in flight", "answered", count(
            bench, "bench_receive", "worker_receiver_handle", "order=random", "in_flight_log2=16", "rounds=1")),
    }
    for name, (title, unit, (line, functions)) in subjects.items():
        total = sum(functions.values())
        table = bench.table(name, f"roofline: instructions of {title}", ["function, with what is inlined |", "instructions"])
        rest = total
        for function, instructions in functions.most_common():
            if instructions >= SMALLEST * total:
                table.add(function, f"{instructions / line[unit]:.1f}")
                rest -= instructions
        table.add("the rest", f"{rest / line[unit]:.1f}")
        table.add("**all**", f"**{total / line[unit]:.0f}**")
        bench.results.append({"bench": name, "instructions": total / line[unit], "functions": {f: n / line[unit] for f, n in functions.items()}})
        bench.publish(table)


BENCHMARKS = {"roofline": roofline}

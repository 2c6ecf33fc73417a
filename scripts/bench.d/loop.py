"""Generator and director model in one process, over rings: queries that came back answered."""
import json
import statistics
import subprocess
import sys
import tempfile

from harness import spread, summary

# Two lcores on two CPUs: the model on one, sender and receiver on the other.
LCORES = "0@0,1@0,2@1"
CASES = {
    "random, 28,232 tuples": ["--policy", "random"],
    "sequential, 28,232 tuples": ["--policy", "sequential"],
    "random, 1,000,000 tuples": ["--policy", "random", "-a", "10.0.0.0/26", "-x", "32768-48392"],
}


def run(bench, settings, seconds):
    with tempfile.NamedTemporaryFile(suffix=".json") as result:
        command = [bench.program("app/staleflow"), "run", "--director", "--generate", "example.com", "-Q", "max", "-l", str(seconds), "-t", "100ms",
                   "--lcores", LCORES, "--json", result.name, *settings]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"bench: {' '.join(command)}: {(done.stderr or done.stdout).strip().splitlines()[-1:]}")
        document = json.load(result)
    totals, rate = document["totals"], document["rate"]
    return {"sent_qps": rate["achieved_qps"], "answered_qps": totals["answered"] / document["duration_s"], "lost": totals["lost"],
            "sent": totals["sent"], "answered": totals["answered"]}


def loop(bench):
    """generator and director model over net_ring in one process, answered queries a second on two CPUs"""
    seconds = max(1, bench.options.seconds)
    lines = bench.rounds({name: lambda settings=settings: run(bench, settings, seconds) for name, settings in CASES.items()})
    table = bench.table("loop", "loop: generator and director model", [" |", "answered/s", "lowest-highest", "sent/s", "lost, %"])
    for name, runs in lines.items():
        answered, sent = (summary([line[key] for line in runs]) for key in ("answered_qps", "sent_qps"))
        lost = statistics.median(100 * line["lost"] / line["sent"] for line in runs)
        table.add(name, f"{answered['median']:,.0f}", spread(answered["rounds"], 0), f"{sent['median']:,.0f}", f"{lost:.2f}")
        bench.results.append({"bench": "loop", "subject": name, "answered_qps": answered, "sent_qps": sent, "lost_percent": lost})
    bench.publish(table)


BENCHMARKS = {"loop": loop}

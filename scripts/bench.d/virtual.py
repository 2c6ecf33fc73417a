"""`staleflow simulate`: queries a second of CPU time in virtual time, beside the time that a run would take."""
import filecmp
import json
import os
import subprocess
import sys
import tempfile

from harness import machine_time, spread, summary

RATE, SECONDS = 100_000, 360
# The article's client at its full rate: one address, Linux' ephemeral ports, two real servers, a UDP timeout of 300 s.
PLAN = {
    "port": {"driver": "director"},
    "service": {"address": "10.96.0.10"},
    "queries": {"generate": {"zone": "example.com", "type": "A"}, "nsid": True},
    "cohorts": [{"name": "clients", "addresses": "10.0.0.1", "ports": "32768-60999", "policy": "linux"}],
    "load": {"rate": RATE, "duration": f"{SECONDS}s", "timeouts": ["1000ms", "500ms"]},
    "director": {"udp_timeout": "300s", "backends": [
        {"name": name, "service_time": "10us", "concurrency": 4, "answers": ["192.0.2.80"]} for name in ("coredns-a", "coredns-b")]},
}
# All queries are answered; half are lost from then on; both real servers are replaced, and then all are lost that use an old flow.
CASES = {
    "nothing happens": [],
    "one of two real servers removed": [{"at": "60s", "do": "remove", "backend": "coredns-b"}],
    "rolling update": [{"at": "60s", "do": "roll", "roll": {"kube_proxy_delay": "1s", "lameduck": "5s", "pod_start": "2s"}}],
}


def run(bench, folder, events):
    """CPU seconds of one simulation, and its result; the same octets as any before it of the same plan."""
    plan, result, first = (os.path.join(folder, name) for name in ("plan.json", "result.json", "first.json"))
    with open(plan, "w") as file:
        json.dump({**PLAN, "scenario": events}, file)
    command = [bench.program("app/staleflow"), "simulate", plan, "--json", result]
    before = machine_time()[1]
    done = subprocess.run(command, capture_output=True, text=True)
    seconds = machine_time()[1] - before
    if done.returncode != 0:
        sys.exit(f"bench: {' '.join(command)}: {done.stderr.strip()[-300:]}")
    if not os.path.exists(first):
        os.rename(result, first)
        result = first
    elif not filecmp.cmp(first, result, shallow=False):
        sys.exit(f"bench: {' '.join(command)}: another result than the round before")
    with open(result) as file:
        totals = json.load(file)["totals"]
    return {"cpu_s": seconds, "sent": totals["sent"], "lost": totals["lost"]}


def simulate(bench):
    """virtual queries a second: the article's client at 100,000 q/s for 360 s of virtual time"""
    with tempfile.TemporaryDirectory() as top:
        def subject(number, events):
            folder = os.path.join(top, str(number))
            os.mkdir(folder)
            return lambda: run(bench, folder, events)

        lines = bench.rounds({name: subject(number, events) for number, (name, events) in enumerate(CASES.items())})
    table = bench.table("simulate", "simulate: 100,000 q/s over 28,232 tuples for 360 s of virtual time",
                        [" |", "CPU s", "lowest-highest", "x real time", "M virtual q/s", "ns a query", "lost, %"])
    for name, runs in lines.items():
        cpu, last = summary([line["cpu_s"] for line in runs]), runs[-1]
        table.add(name, f"{cpu['median']:.1f}", spread(cpu["rounds"]), f"{SECONDS / cpu['median']:.1f}",
                  f"{last['sent'] / cpu['median'] / 1e6:.2f}", f"{1e9 * cpu['median'] / last['sent']:.0f}",
                  f"{100 * last['lost'] / last['sent']:.1f}")
        bench.results.append({"bench": table.name, "subject": name, "cpu_s": cpu, "times_real": SECONDS / cpu["median"], "last": last})
    bench.publish(table)


BENCHMARKS = {"simulate": simulate}

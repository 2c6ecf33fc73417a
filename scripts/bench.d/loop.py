"""Generator and director model, over rings in one process and over memif between two: queries that came back answered."""
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile

from harness import spread, summary

# On two CPUs: the model's lcore on one, sender and receiver on the other.
LCORES = "0@0,1@0,2@1"
DIRECTOR_LCORES, CLIENT_LCORES = "0@0,1@0", "0@1,1@1"
CASES = {
    "random, 28,232 tuples": ["--policy", "random"],
    "sequential, 28,232 tuples": ["--policy", "sequential"],
    "random, 1,000,000 tuples": ["--policy", "random", "-a", "10.0.0.0/26", "-x", "32768-48392"],
}
COLUMNS = [" |", "answered/s", "lowest-highest", "sent/s", "lost, %"]


def failed(command, said):
    sys.exit(f"bench: {' '.join(command)}: {said.strip().splitlines()[-1:]}")


def generate(bench, folder, port, lcores, seconds, settings):
    """What a run says that sends as fast as it can."""
    result = os.path.join(folder, "run.json")
    command = [bench.program("app/staleflow"), "run", *port, "--generate", "example.com", "-Q", "max", "-l", str(seconds), "-t", "100ms",
               "--lcores", lcores, "--json", result, *settings]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        failed(command, done.stderr or done.stdout)
    with open(result) as file:
        document = json.load(file)
    totals, rate = document["totals"], document["rate"]
    return {"sent_qps": rate["achieved_qps"], "answered_qps": totals["answered"] / document["duration_s"], "lost": totals["lost"],
            "sent": totals["sent"], "answered": totals["answered"]}


def within(bench, settings, seconds):
    with tempfile.TemporaryDirectory() as folder:
        return generate(bench, folder, ["--director"], LCORES, seconds, settings)


def between(bench, settings, seconds):
    """The same with the director in a process of its own; what it says itself is in the line, too."""
    with tempfile.TemporaryDirectory() as folder:
        socket, result = os.path.join(folder, "socket"), os.path.join(folder, "director.json")
        command = [bench.program("app/staleflow"), "director", "--device", f"net_memif0,role=server,socket={socket}", "--lcores",
                   DIRECTOR_LCORES, "--json", result]
        director = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            said = director.stderr.readline()
            if "is ready" not in said:
                failed(command, said or "it said nothing")
            port = ["--device", f"net_memif0,role=client,socket={socket}", "-s", "10.96.0.10"]
            if "-a" not in settings:
                port += ["-a", "10.0.0.1"]
            line = generate(bench, folder, port, CLIENT_LCORES, seconds, settings)
            director.send_signal(signal.SIGINT)
            if director.wait(60) != 0:
                failed(command, director.stderr.read())
        finally:
            if director.poll() is None:
                director.kill()
                director.wait()
            director.stderr.close()
        with open(result) as file:
            totals = json.load(file)["totals"]
        return {**line, "director": {name: totals[name] for name in ("queries", "answered", "lost", "port_dropped")}}


def publish(bench, table, lines):
    for name, runs in lines.items():
        answered, sent = (summary([line[key] for line in runs]) for key in ("answered_qps", "sent_qps"))
        lost = statistics.median(100 * line["lost"] / line["sent"] for line in runs)
        table.add(name, f"{answered['median']:,.0f}", spread(answered["rounds"], 0), f"{sent['median']:,.0f}", f"{lost:.2f}")
        bench.results.append({"bench": table.name, "subject": name, "answered_qps": answered, "sent_qps": sent, "lost_percent": lost,
                              "last": runs[-1]})
    bench.publish(table)


def rounds(bench, run):
    seconds = max(1, bench.options.seconds)
    return bench.rounds({name: lambda settings=settings: run(bench, settings, seconds) for name, settings in CASES.items()})


def loop(bench):
    """generator and director model over net_ring in one process, answered queries a second on two CPUs"""
    publish(bench, bench.table("loop", "loop: generator and director model", COLUMNS), rounds(bench, within))


def loop_memif(bench):
    """generator and director in two processes over memif, answered queries a second on two CPUs"""
    publish(bench, bench.table("loop-memif", "loop: generator and director over memif", COLUMNS), rounds(bench, between))


BENCHMARKS = {"loop": loop, "loop-memif": loop_memif}

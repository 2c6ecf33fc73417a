"""Into net_null and net_ring: what a query and a reply cost the lcore that handles it."""
import json
import statistics
import subprocess

from harness import spread, summary

NULL = "net_null0,size=86"
ALONE = 0.97  # of the wall clock's time: a thread that had a CPU for so much had it to itself
ORDERS = ("sequential", "random", "shuffled")


def generate(bench):
    """queries into net_null beside testpmd's flowgen and txonly"""
    million = ["addresses=10.0.0.0/26", "ports=32768-48392"]  # 64 x 15,625
    bench.compare("generate", "generate", {
        "testpmd flowgen": lambda: bench.testpmd("flowgen", NULL),
        "testpmd flowgen, no RX": lambda: bench.testpmd("flowgen", NULL + ",no-rx=1"),
        "testpmd txonly": lambda: bench.testpmd("txonly", NULL),
        "random, 28,232 tuples": lambda: bench.generate("policy=random"),
        "sequential, 28,232 tuples": lambda: bench.generate("policy=sequential"),
        "linux, 28,232 tuples": lambda: bench.generate("policy=linux"),
        "random, 1,000,000 tuples": lambda: bench.generate("policy=random", *million),
        "random, generated names": lambda: bench.generate("policy=random", "queries=random"),
    }, base="testpmd flowgen")


def receive(bench):
    """replies from frame to outcome, 2^16 to 2^24 in flight"""
    subjects = {}
    for log2 in (16, 18, 20, 22, 24):
        for order in ORDERS:
            subjects[f"2^{log2} in flight, {order}"] = lambda log2=log2, order=order: bench.own(
                "bench_receive", f"in_flight_log2={log2}", f"order={order}", "rounds=1")
    bench.compare("receive", "receive: frame to outcome", subjects)


def match(bench):
    """the in-flight table alone"""
    done = subprocess.run([bench.program("tests/bench/bench_match"), str(bench.options.rounds)], capture_output=True, text=True, check=True)
    table = bench.table("match", "match: the in-flight table alone", ["in flight", "order |", "ns", "M/s", "cost ratio"])
    for case in json.loads(done.stdout)["cases"]:
        table.add(f"{case['in_flight']:,}", case["order"], case["ns_per_reply"], f"{case['replies_per_s'] / 1e6:.0f}", case["ratio"])
        bench.results.append({"bench": "match", **case})
    bench.publish(table)


def scale(bench):
    """cost a query against tuples, queries in flight, cohorts, lines of the query file"""
    def settings(*values):
        return lambda: bench.generate("policy=random", *values)

    runs = bench.compare("scale-tuples", "scale: tuples", {
        "1,000": settings("ports=32768-33767"),
        "10,000": settings("ports=32768-42767"),
        "100,000": settings("addresses=10.0.0.0/29", "ports=32768-45267"),
        "1,000,000": settings("addresses=10.0.0.0/26", "ports=32768-48392"),
        "10,000,000": settings("addresses=10.0.0.0/24", "ports=2048-41109"),
    })
    table = bench.table("scale-memory", "memory a tuple", ["tuples", "octets a tuple", "all tables, MiB"])
    for lines in runs.values():
        table.add(f"{lines[-1]['tuples']:,}", lines[-1]["bytes_a_tuple"], f"{lines[-1]['bytes_in_all'] / 2**20:,.0f}")
    bench.publish(table)
    # At 20 M q/s: about 10^4 to 2 x 10^6 at once. The table is for 40 M q/s.
    bench.compare("scale-timeout", "scale: timeout, so queries in flight", {
        f"{ms} ms": settings(f"timeout_ms={ms}") for ms in (0.1, 1, 10, 100, 500)})
    bench.compare("scale-cohorts", "scale: cohorts", {
        str(n): settings("addresses=10.0.0.0/27", f"cohorts={n}", "ports=32768-33649") for n in (1, 2, 8, 32)})
    bench.compare("scale-lines", "scale: lines of the query file", {
        f"{n:,}": settings(f"lines={n}") for n in (1, 100, 10_000, 1_000_000)})
    if bench.options.apart:
        bench.compare("scale-senders", "scale: TX lcores", {str(n): settings(f"senders={n}") for n in (1, 2)})


def lcores(bench):
    """two TX lcores beside one, each with its receiver's turns, not counted and counted"""
    def settings(senders, *values):
        # Each lcore a CPU of its own; the main lcore sleeps.
        return lambda: bench.own("bench_generate", "policy=random", f"seconds={bench.options.seconds}", "warm=0.2", f"senders={senders}",
                                 *values, lcores="0@0,1@0,2@1")

    doubled = ["ports=4536-60999", "size_rate=80e6"]
    # subject: what is set, and whose rate is 1
    subjects = {
        "1 TX lcore": (settings(1, "turns=1"), "1 TX lcore"),
        "2 TX lcores": (settings(2, "turns=1"), "1 TX lcore"),
        "2 TX lcores, twice the tuples": (settings(2, "turns=1", *doubled), "1 TX lcore"),
        "1 TX and RX lcore": (settings(1, "turns=2"), "1 TX and RX lcore"),
        "2 TX and RX lcores": (settings(2, "turns=2"), "1 TX and RX lcore"),
        "2 TX and RX lcores, twice the tuples": (settings(2, "turns=2", *doubled), "1 TX and RX lcore"),
    }
    runs = bench.rounds({subject: run for subject, (run, _) in subjects.items()})

    def median(subject, field):
        return statistics.median(line[field] for line in runs[subject])

    # The wall clock is to be trusted when each thread had its CPU all the time.
    alone = all(median(subject, "cpu_share") >= ALONE for subject in subjects)
    rate = "together_per_second" if alone else "together_per_cpu_second"
    table = bench.table("lcores", "TX lcores: queries a second of all together, 28,232 tuples",
                        [" |", "ns CPU a query", "M/s by CPU time", "M/s by wall clock", "CPU had, %", "ratio", "lowest-highest"])
    for subject, (_, base) in subjects.items():
        # Neighbours in a round are compared: what the machine does besides, it does to both.
        ratios = [line[rate] / first[rate] for line, first in zip(runs[subject], runs[base])]
        table.add(subject, f"{median(subject, 'cpu_ns'):.1f}", f"{median(subject, 'together_per_cpu_second') / 1e6:.1f}",
                  f"{median(subject, 'together_per_second') / 1e6:.1f}", f"{100 * median(subject, 'cpu_share'):.0f}",
                  f"{statistics.median(ratios):.2f}", spread(ratios, 2))
        bench.results.append({"bench": "lcores", "subject": subject, "huge": bench.options.huge, "ratio": summary(ratios), "base": base,
                              "ratio_by": rate, "lines": runs[subject]})
    bench.publish(table, "Ratios by " + ("the wall clock: each lcore had its CPU." if alone else
                                         "CPU time: others used these CPUs, too."))


def in_flight(bench):
    """memory a query in flight, as the receive benchmark's own table has it"""
    table = bench.table("scale-flight", "memory a query in flight", ["in flight", "octets a query"])
    for log2 in (16, 20, 24):
        line = bench.own("bench_receive", f"in_flight_log2={log2}", "order=sequential", "rounds=1")
        table.add(f"{line['in_flight']:,}", line["bytes_a_query"])
        bench.results.append({"bench": "in_flight", "subject": log2, "bytes_a_query": summary([line["bytes_a_query"]])})
    bench.publish(table)


BENCHMARKS = {"generate": generate, "receive": receive, "match": match, "scale": scale, "lcores": lcores, "in_flight": in_flight}

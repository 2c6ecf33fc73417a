"""How close to the rate asked for, and how evenly, queries leave: seen from the receiving side."""
import statistics

from harness import need
from wire import inside

COLUMNS = ["rate error, %", "gap p1", "p50", "p99", "p99.9", "off schedule p50, us", "p99, us", "back to back"]
RATES = ("1k", "10k", "100k", "1M", "2M", "5M")
VETH_RATES = (1_000, 10_000, 100_000)


def middle(lines, *path):
    values = []
    for line in lines:
        for key in path:
            line = line[key]
        values.append(line)
    return statistics.median(values)


def cells(lines):
    gaps = [f"{middle(lines, 'gap', key):.2f}" for key in ("p1", "p50", "p99", "p99.9")]
    off = [f"{middle(lines, 'off_schedule_us', key):.1f}" for key in ("p50", "p99")]
    return [f"{100 * middle(lines, 'error'):+.4f}", *gaps, *off, max(line["longest_run"] for line in lines)]


def pace(bench):
    """one TX lcore over net_ring, from 1,000 q/s to the maximum; frames dated by a reader on the other CPU"""
    def run(rate):
        line = bench.own("bench_pace", f"rate={rate}", f"seconds={max(2, bench.options.seconds)}", lcores="0@0,1@0,2@1")
        bench.results.append({"bench": "pace", "subject": rate, **line})
        return line

    # Twice the rounds, and of them the half in which the two threads waited least for a CPU: what others' work does to a thread that
    # it puts aside for milliseconds is not the pacer's.
    def quietest(rate):
        lines = sorted((run(rate) for _ in range(2 * bench.options.rounds)), key=lambda line: line["waited_us"])
        return lines[:bench.options.rounds]

    most = statistics.median(line["achieved_qps"] for line in quietest("max"))
    table = bench.table("pace", f"pace: over net_ring; the maximum is {most / 1e6:.1f} M q/s", ["asked q/s", *COLUMNS, "burst", "skipped", "waited for a CPU, ms"])
    for rate in (*RATES, f"{int(0.8 * most)}"):
        lines = quietest(rate)
        label = rate if rate in RATES else f"80 % of the maximum, {int(rate) / 1e6:.1f}M"
        table.add(label, *cells(lines), max(line["longest_handover"] for line in lines),
                  sum(line["skipped"] for line in lines),
                  f"{middle(lines, 'waited_us') / 1e3:.1f}")
    bench.publish(table)


def pace_wire(bench):
    """a veth pair at 1, 10 and 100 kq/s: Staleflow, kxdpgun and dnsperf, by time stamps of a capture"""
    need("kxdpgun", "dnsperf", "tcpdump")
    seconds, rounds = max(1, bench.options.seconds), bench.options.rounds
    found = inside(bench, "veth.py", {"rates": VETH_RATES, "rounds": rounds, "seconds": seconds}, 60 + rounds * 90)
    table = bench.table("pace-wire", "pace: over a veth pair", ["asked q/s", "generator |", *COLUMNS])
    for rate, generators in found.items():
        for name, lines in generators.items():
            table.add(f"{int(rate):,}", name, *cells(lines))
            bench.results += [{"bench": "pace-wire", "subject": name, "rate": rate, **line} for line in lines]
    bench.publish(table)


BENCHMARKS = {"pace": pace, "pace-wire": pace_wire}

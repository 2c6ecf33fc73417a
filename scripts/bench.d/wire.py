"""Over a veth pair: the most that generators send and get answered, and how evenly they send."""
import json
import os
import re
import statistics

from harness import Bench, need, spread, summary

# What a generator knows of a single query after it has sent it.
TRACKED = {"kxdpgun": "nothing; replies are counted", "dnsperf": "id, send time", "testpmd": "nothing",
           "Staleflow": "tuple, its reuse age, id, question, send time, outcome"}


def inside(bench, script, settings, timeout=600):
    """Run a script of this directory in namespaces of its own and return its line of JSON."""
    need("unshare", "ip", "ethtool", "iptables", "nsd", "nsd-control")
    enter = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if os.geteuid() != 0:
        enter.append("--map-root-user")
    bench.program("app/staleflow")
    settings = {"build": os.path.realpath(bench.options.build), "only": "", **settings}
    path = os.path.join(os.path.dirname(os.path.realpath(__file__)), script)
    return Bench.line([*enter, "python3", "-B", path, json.dumps(settings)], timeout)


def median(lines, key):
    return summary([line[key] for line in lines])


def wire(bench, setup, title):
    need("kxdpgun", "dnsperf", "dpdk-testpmd")
    seconds, rounds = max(1, bench.options.seconds), bench.options.rounds
    lines = inside(bench, "veth.py", {"setups": [setup], "rounds": rounds, "seconds": seconds}, 60 + rounds * 400)[setup]
    columns = [" |", "sent/s", "lowest-highest", "x kxdpgun", "x dnsperf", "CPU ns a query", "known of a query |"]
    answers = not setup.startswith("sink")
    if answers:
        columns.insert(3, "answered/s")
        columns.insert(-1, "an answer")
    table = bench.table("wire-" + setup, title, columns)
    best = {tool: max(median(runs, "sent_qps")["median"] for name, runs in lines.items() if name.startswith(tool))
            for tool in ("kxdpgun", "dnsperf")}
    for name, runs in lines.items():
        sent, answered, cpu = (median(runs, key) for key in ("sent_qps", "answered_qps", "cpu_ns"))
        ratios = {tool: sent["median"] / rate for tool, rate in best.items()}
        cells = [name, f"{sent['median']:,.0f}", spread(sent["rounds"], 0), f"{ratios['kxdpgun']:.2f}", f"{ratios['dnsperf']:.1f}",
                 f"{cpu['median']:,.0f}", TRACKED[re.split("[ ,]", name)[0]]]
        if answers:
            cells.insert(3, f"{answered['median']:,.0f}")
            cells.insert(-1, f"{statistics.median(line['cpu_ns'] * line['sent_qps'] / line['answered_qps'] for line in runs):,.0f}")
        table.add(*cells)
        bench.results.append({"bench": "wire-" + setup, "subject": name, "sent_qps": sent, "answered_qps": answered, "cpu_ns": cpu,
                              "ratios": ratios})
    worst, who = max((line["elsewhere"], name) for name, runs in lines.items() for line in runs)
    bench.publish(table, noise=f"While these were measured, others took {100 * worst:.0f} % of the machine at the most ({who}).")


def wire_sink(bench):
    """a veth pair to a sink: Staleflow, kxdpgun, dnsperf and testpmd at their most"""
    wire(bench, "sink", "wire: into a sink")


def wire_sink_gro(bench):
    """the same with GRO at the sink's end, so that it takes XDP frames"""
    wire(bench, "sink-gro", "wire: into a sink with GRO")


def wire_sink_xdp(bench):
    """the same with an XDP program at the sink's end that drops the queries"""
    wire(bench, "sink-xdp", "wire: into an XDP program that drops")


def wire_nsd(bench):
    """a veth pair to NSD: Staleflow, kxdpgun and dnsperf at their most"""
    wire(bench, "nsd", "wire: to NSD")


def wire_director(bench):
    """a veth pair to the director model over af_packet: Staleflow, kxdpgun and dnsperf at their most"""
    wire(bench, "director-af_packet", "wire: to the director over af_packet")


def wire_director_xdp(bench):
    """the same with the director over af_xdp"""
    wire(bench, "director-af_xdp", "wire: to the director over af_xdp")


BENCHMARKS = {"wire-sink": wire_sink, "wire-sink-gro": wire_sink_gro, "wire-sink-xdp": wire_sink_xdp,
              "wire-nsd": wire_nsd, "wire-director": wire_director, "wire-director-xdp": wire_director_xdp}

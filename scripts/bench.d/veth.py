"""A veth pair between two network namespaces, and what is measured on it. Runs as the first process of namespaces of its own:
when it ends, however it ends, the kernel takes down all that it started. One line of JSON on standard output.

usage: unshare --net --mount --pid --fork --kill-child --mount-proc python3 veth.py SETTINGS (JSON)
"""
import json
import os
import re
import shlex
import struct
import subprocess
import sys
import time

TOP = os.path.realpath(os.path.join(os.path.dirname(os.path.realpath(__file__)), "../.."))
WORK = "/run/bench"
SERVER = "10.53.255.53"
SOURCES = "10.53.1.0/28"  # no address of this machine: its kernel takes no reply for its own
KERNEL_SOURCE = "10.53.0.1"  # dnsperf's
NAME = "www.lab.test"
TRIES, DISTURBED = 4, 0.03  # a measurement in which others had more of the machine is made again, so often
SIZE_RATE = 16_000_000  # tables for more queries than any driver sends: a full table is no measure of a driver


def run(command, **more):
    done = subprocess.run(shlex.split(command), capture_output=True, text=True, **more)
    if done.returncode != 0:
        sys.exit(f"{command}: {(done.stderr or done.stdout).strip().splitlines()[-1:]}")
    return done.stdout


def in_server(command):
    return run("ip netns exec server " + command)


def make_pair():
    run("mount -t sysfs none /sys")
    run("mount -t tmpfs none /run")
    os.makedirs("/run/netns")
    os.makedirs(WORK)
    run("ip link set lo up")
    run("ip netns add server")
    run("ip link add client type veth peer name server netns server")
    for where, name, address in ((run, "client", KERNEL_SOURCE), (in_server, "server", SERVER)):
        where(f"sysctl -qw net.ipv6.conf.{name}.disable_ipv6=1")
        where(f"ethtool -K {name} tx off rx off tso off gso off gro off")
        where(f"ip address add {address}/16 dev {name}")
        where(f"ip link set {name} up")
    in_server("ip link set lo up")
    mac = re.search(r"link/ether (\S+)", in_server("ip -o link show server"))[1]
    run(f"ip neighbour replace {SERVER} lladdr {mac} dev client nud permanent")
    # Replies to tuples that the client's kernel doesn't know go to its MAC address without being asked for.
    own = re.search(r"link/ether (\S+)", run("ip -o link show client"))[1]
    for address in (KERNEL_SOURCE, *(f"10.53.1.{host}" for host in range(16))):
        in_server(f"ip neighbour replace {address} lladdr {own} dev server nud permanent")
    with open(WORK + "/queries", "w") as queries:
        queries.write(f"{NAME} A\n")
    return mac


def start_nsd():
    run(f"{TOP}/scripts/nsd-config {WORK}/nsd bench {SERVER}")
    log = open(WORK + "/nsd.log", "w")
    nsd = subprocess.Popen(["ip", "netns", "exec", "server", "nsd", "-d", "-c", WORK + "/nsd/nsd.conf"], stdout=log, stderr=log)
    for _ in range(200):
        if subprocess.run(["nsd-control", "-c", WORK + "/nsd/nsd.conf", "status"], capture_output=True).returncode == 0:
            return nsd
        time.sleep(0.05)
    sys.exit("NSD does not start: " + open(WORK + "/nsd.log").read()[-300:])


def start_director(program, driver):
    """The director model in NSD's place: at the interface, so that it takes frames before the kernel, which drops them."""
    in_server("iptables -w -t raw -F PREROUTING")
    in_server("iptables -w -t raw -A PREROUTING -j DROP")
    command = ["ip", "netns", "exec", "server", program, "director", "--iface", "server", "--driver", driver, "-s", SERVER, "--lcores", "0@0,1@0"]
    with open(WORK + "/director.log", "w") as log:
        director = subprocess.Popen(command, stdout=log, stderr=log)
    for _ in range(200):
        if "is ready" in open(WORK + "/director.log").read():
            return director
        time.sleep(0.05)
    sys.exit("the director does not start: " + open(WORK + "/director.log").read()[-300:])


# What the server's namespace does with queries. As a sink it drops them before routing. dnsperf starts slowly, at 2,000 q/s, until
# it has an answer: of its queries some are let through to NSD.
def sink(on):
    in_server("iptables -w -t raw -F PREROUTING")
    if on:
        in_server(f"iptables -w -t raw -A PREROUTING ! -s {KERNEL_SOURCE} -j DROP")
        in_server("iptables -w -t raw -A PREROUTING -m limit --limit 100/second -j ACCEPT")
        in_server("iptables -w -t raw -A PREROUTING -j DROP")


def start_xdp_drop():
    """The sink at the interface, before the kernel makes a socket buffer of a frame; dnsperf's queries go on to the other."""
    path = os.path.join(os.path.dirname(os.path.realpath(__file__)), "xdp_drop.py")
    process = subprocess.Popen(["ip", "netns", "exec", "server", "python3", "-B", path, "server", KERNEL_SOURCE], stdout=subprocess.PIPE, text=True)
    if process.stdout.readline().strip() != "ready":
        sys.exit("the XDP program is not at its interface")
    return process


def set_up(setup, program):
    """Who takes the queries; returns its process, if it has one."""
    in_server("ethtool -K server gro " + ("on" if setup == "sink-gro" else "off"))
    if setup.startswith("director-"):
        return start_director(program, setup.removeprefix("director-"))
    sink(setup.startswith("sink"))
    return start_xdp_drop() if setup == "sink-xdp" else None


def takes_live_frames(setup):
    """Whether the peer of the veth takes XDP frames: it has GRO, or a program."""
    return setup in ("sink-gro", "sink-xdp", "director-af_xdp")


def counter(name):
    with open(f"/sys/class/net/client/statistics/{name}") as value:
        return int(value.read())


def cpu_of(pid):
    """ns of CPU that a process and its children had, with the softirq work that the kernel did at its expense."""
    total = 0
    for process in [pid, *children(pid)]:
        try:
            for task in os.listdir(f"/proc/{process}/task"):
                with open(f"/proc/{process}/task/{task}/schedstat") as times:
                    total += int(times.read().split()[0])
        except (FileNotFoundError, ProcessLookupError):
            pass
    return total


def children(pid):
    found = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as names:
                for child in names.read().split():
                    found += [int(child), *children(int(child))]
    except (FileNotFoundError, ProcessLookupError):
        pass
    return found


def busy_elsewhere():
    """ns of CPU time that processes outside of these namespaces had so far."""
    with open("/proc/stat") as first:
        user, nice, system, _, _, irq, softirq = (int(word) for word in first.readline().split()[1:8])
    ours = cpu_of(1)  # this process, and all that it started
    return (user + nice + system + irq + softirq) * 1_000_000_000 // os.sysconf("SC_CLK_TCK") - ours


def look(pid):
    return {"ns": time.monotonic_ns(), "sent": counter("tx_packets"), "answered": counter("rx_packets"), "cpu": cpu_of(pid), "elsewhere": busy_elsewhere()}


def measure(command, seconds):
    """What measure_once() finds, of the least disturbed of some tries: the first in which others leave the machine to it."""
    found = None
    for _ in range(TRIES):
        last = measure_once(command, seconds)
        if found is None or last["elsewhere"] < found["elsewhere"]:
            found = last
        if found["elsewhere"] <= DISTURBED:
            break
    return found


def measure_once(command, seconds):
    """Rates and CPU of a generator in the middle of its run, by the interface's counters whatever the generator says itself."""
    subprocess.run(["ip", "link", "set", "client", "xdp", "off"], check=True)  # kxdpgun leaves its program behind
    before = counter("tx_packets")
    with open(WORK + "/generator.log", "w+") as log:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT)
        try:
            deadline = time.monotonic() + 10
            while counter("tx_packets") < before + 1000:
                if process.poll() is not None or time.monotonic() > deadline:
                    log.seek(0)
                    sys.exit(f"{' '.join(command)} sends nothing: {log.read()[-400:]}")
                time.sleep(0.01)
            time.sleep(0.3)
            first = look(process.pid)
            time.sleep(seconds)
            last = look(process.pid)
            if process.poll() is not None:
                log.seek(0)
                sys.exit(f"{' '.join(command)} ended too early: {log.read()[-400:]}")
            if command[0] == "dpdk-testpmd":
                process.stdin.write(b"\n")
            process.stdin.close()
            process.wait(timeout=20)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
    passed = last["ns"] - first["ns"]
    sent = last["sent"] - first["sent"]
    return {"sent_qps": sent * 1e9 / passed, "answered_qps": (last["answered"] - first["answered"]) * 1e9 / passed,
            "cpu_ns": (last["cpu"] - first["cpu"]) / max(sent, 1),
            "elsewhere": max(0, last["elsewhere"] - first["elsewhere"]) / passed / os.cpu_count()}


def commands(settings, mac, setup):
    """{generator: command line}"""
    answers = not setup.startswith("sink")
    seconds = str(settings["seconds"] + 1)
    queries = WORK + "/queries"
    kxdpgun = ["kxdpgun", "-t", str(int(settings["seconds"] + 1.5)), "-Q", "100000000", "-i", queries, "-I", "client", "-l", SOURCES, "-F", "1"]
    # As many outstanding as brings most: few to a responder that answers, all it can have to one that doesn't.
    dnsperf = ["dnsperf", "-s", SERVER, "-d", queries, "-l", seconds, "-t", "0.1", "-q", "1000" if answers else "65536"]
    with open(WORK + "/own.json", "w") as config:
        json.dump({"load": {"size_rate": SIZE_RATE}}, config)
    own = [settings["build"] + "/app/staleflow", "run", WORK + "/own.json", "--iface", "client", "-s", SERVER, "--mac", mac, "-d", queries, "-Q", "max",
           "-l", seconds, "-a", SOURCES, "-t", "100ms"]
    testpmd = ["dpdk-testpmd", "--no-huge", "--no-shconf", "-m", "256", "--no-pci", "--no-telemetry", "--lcores", "0@0,1@1"]
    flood = ["--", "--forward-mode=txonly", "--txonly-multi-flow", "--txpkts=72", "--total-num-mbufs=16384", "--burst=32",
             f"--eth-peer=0,{mac}", f"--tx-ip=10.53.1.1,{SERVER}"]
    devices = {"af_packet": "net_af_packet0,iface=client,qpairs=1,framecnt=8192,qdisc_bypass=1", "af_xdp": "net_af_xdp0,iface=client"}
    found = {"kxdpgun, batches of 32": [*kxdpgun, "-b", "32", SERVER], "kxdpgun": [*kxdpgun, SERVER],
             "dnsperf, 10 clients, 2 threads": [*dnsperf, "-c", "10", "-T", "2"]}
    for driver in [*devices, *(["xdp_live"] if takes_live_frames(setup) else [])]:
        for lcores, words in (("0@0,1@1", "1 lcore"), ("0@0,1@1,2@0", "2 lcores")):
            found[f"Staleflow, {driver}, {words}"] = [*own, "--driver", driver, "--lcores", lcores]
        if not answers and driver in devices:
            found[f"testpmd txonly, {driver}"] = [*testpmd, f"--vdev={devices[driver]}", *flood]
    return found


def arrivals(path):
    """ns at which the frames of a pcap file came."""
    with open(path, "rb") as capture:
        content = capture.read()
    stamps, place = [], 24
    while place + 16 <= len(content):
        seconds, fraction, length, _ = struct.unpack_from("<IIII", content, place)
        stamps.append(seconds * 1_000_000_000 + fraction)
        place += 16 + length
    return stamps


def percentiles(values):
    values = sorted(values)
    return {name: values[int(share * (len(values) - 1))]
            for name, share in (("p1", .01), ("p10", .1), ("p50", .5), ("p90", .9), ("p99", .99), ("p99.9", .999), ("max", 1))}


def evenness(stamps, rate):
    """What bench_pace says of a ring, of a capture's time stamps; off the best fitting schedule, since none is known."""
    gap = 1e9 / rate
    gaps = [later - earlier for earlier, later in zip(stamps, stamps[1:])]
    off = sorted((stamp - stamps[0]) - number * gap for number, stamp in enumerate(stamps))
    run_length = longest = 1
    for passed in gaps:
        run_length = run_length + 1 if passed < gap / 10 else 1
        longest = max(longest, run_length)
    achieved = len(gaps) * 1e9 / (stamps[-1] - stamps[0])
    return {"achieved_qps": achieved, "error": achieved / rate - 1, "longest_run": longest,
            "gap": percentiles([passed / gap for passed in gaps]),
            "off_schedule_us": percentiles([(value - off[len(off) // 2]) / 1e3 for value in off])}


def capture(command, rate, seconds):
    """How evenly a generator's frames come to the other end, in the middle of its run."""
    subprocess.run(["ip", "link", "set", "client", "xdp", "off"], check=True)
    path = WORK + "/frames.pcap"
    with open(WORK + "/tcpdump.log", "w") as log:
        tcpdump = subprocess.Popen(["ip", "netns", "exec", "server", "tcpdump", "-i", "server", "-B", "65536", "-s", "64", "-Z", "root",
                                    "--time-stamp-precision=nano", "-w", path, "udp dst port 53"], stderr=log)
    while "listening on" not in open(WORK + "/tcpdump.log").read():
        time.sleep(0.02)
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: {(done.stderr or done.stdout)[-400:]}")
    time.sleep(0.2)
    tcpdump.terminate()
    tcpdump.wait()
    stamps = arrivals(path)
    first, last = stamps[0] + 300_000_000, stamps[0] + 300_000_000 + seconds * 1e9
    return evenness([stamp for stamp in stamps if first <= stamp < last], rate)


def paced(settings, mac, rate):
    """{generator: command line} at a rate"""
    seconds, queries = str(settings["seconds"] + 1), WORK + "/queries"
    found = {f"Staleflow, {driver}": [settings["build"] + "/app/staleflow", "run", "--iface", "client", "-s", SERVER, "--mac", mac, "-d", queries,
                                      "-Q", str(rate), "-l", seconds, "-a", SOURCES, "-t", "100ms", "--driver", driver, "--lcores", "0@0,1@1"]
             for driver in ("af_packet", "af_xdp")}
    found["kxdpgun"] = ["kxdpgun", "-t", str(int(settings["seconds"] + 1.5)), "-Q", str(rate), "-i", queries, "-I", "client", "-l", SOURCES,
                        "-F", "1", SERVER]
    found["dnsperf"] = ["dnsperf", "-s", SERVER, "-d", queries, "-l", seconds, "-t", "0.1", "-q", "65536", "-Q", str(rate)]
    return found


def pace(settings, mac):
    sink(True)
    result = {}
    for rate in settings["rates"]:
        generators = paced(settings, mac, rate)
        lines = {name: [] for name in generators if re.search(settings["only"], name)}
        for _ in range(settings["rounds"]):
            for name, found in lines.items():
                found.append(capture(generators[name], rate, settings["seconds"]))
        result[rate] = lines
    return result


def most(settings, mac):
    result = {}
    for setup in settings["setups"]:
        peer = set_up(setup, settings["build"] + "/app/staleflow")
        generators = commands(settings, mac, setup)
        lines = {name: [] for name in generators if re.search(settings["only"], name)}
        for _ in range(settings["rounds"]):
            for name, found in lines.items():
                found.append(measure(generators[name], settings["seconds"]))
        if peer is not None:
            peer.terminate()
            peer.wait()
        result[setup] = lines
    return result


def main():
    settings = json.loads(sys.argv[1])
    mac = make_pair()
    nsd = start_nsd()
    result = pace(settings, mac) if "rates" in settings else most(settings, mac)
    nsd.kill()
    print(json.dumps(result))


if __name__ == "__main__":
    main()

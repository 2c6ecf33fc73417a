"""What all benchmarks share: running programs side by side, round after round, and tables of medians."""
import dataclasses
import json
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import time

HUGEPAGES = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"
PACKAGES = {"dpdk-testpmd": "dpdk-dev", "kxdpgun": "knot-dnsutils", "dnsperf": "dnsperf", "nsd": "nsd", "nsd-control": "nsd",
            "ip": "iproute2", "ethtool": "ethtool", "iptables": "iptables", "tcpdump": "tcpdump", "unshare": "util-linux",
            "valgrind": "valgrind"}


def need(*programs):
    """End with one line when a program is missing."""
    for program in programs:
        if shutil.which(program) is None:
            sys.exit(f"bench: there is no {program} here, which Debian has in its package {PACKAGES[program]}; "
                     "install it with scripts/setup --bench")


@dataclasses.dataclass
class Table:
    """A table of docs/performance.md. `name` is its mark there; a column whose title ends with ' |' holds text."""
    name: str
    title: str
    columns: list
    rows: list = dataclasses.field(default_factory=list)
    note: str = ""

    def add(self, *cells):
        self.rows.append([str(cell) for cell in cells])

    def __str__(self):
        heads = [column.removesuffix(" |") for column in self.columns]
        rules = ["---" if column.endswith(" |") else "---:" for column in self.columns]
        lines = ["| " + " | ".join(heads) + " |", "|" + "|".join(rules) + "|"]
        return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in self.rows]) + "\n" + (f"\n{self.note}\n" if self.note else "")


def spread(values, digits=1):
    return f"{min(values):,.{digits}f}-{max(values):,.{digits}f}"


def summary(values):
    return {"median": statistics.median(values), "lowest": min(values), "highest": max(values), "rounds": values}


class Bench:
    def __init__(self, options):
        self.options = options
        self.results = []
        self.tables = []
        self.since = machine_time()
        self.noise = ""

    def eal(self, lcores, memory=512):
        pages = [] if self.options.huge else ["--no-huge"]
        # Huge or not, one process at a time and nothing kept.
        sharing = ["--in-memory"] if self.options.huge else ["--no-shconf"]
        return [*pages, *sharing, "-m", str(memory), "--no-pci", "--no-telemetry", f"--file-prefix=bench{os.getpid()}", "--lcores", lcores]

    def program(self, name):
        path = os.path.join(self.options.build, name)
        if not os.access(path, os.X_OK):
            sys.exit(f"bench: there is no {path}; build it (meson setup {self.options.build} && ninja -C {self.options.build}), "
                     "or name another build directory with --build")
        return path

    def own(self, name, *settings, lcores=None):
        """Run one of our benchmarks and return its line of JSON."""
        senders = [s for s in settings if s.startswith("senders=")]
        if lcores is None:
            lcores = "0@0,1@0,2@1,3@(0,1)" if senders and senders[0] != "senders=1" else "0@0,1@0,2@1"
        return self.line([self.program("tests/bench/" + name), *self.eal(lcores), "--", *settings])

    @staticmethod
    def line(command, timeout=300):
        """The last line that a command prints, as JSON; its last words are the error when it fails."""
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
        except subprocess.TimeoutExpired:
            sys.exit(f"bench: {' '.join(command)} did not end within {timeout} s")
        if done.returncode != 0:
            words = (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()[-1]
            sys.exit(f"bench: {' '.join(command)} failed with {done.returncode}: {words}")
        return json.loads(done.stdout.strip().splitlines()[-1])

    def generate(self, *settings):
        turns = [] if self.options.apart else ["turns=1"]
        return self.own("bench_generate", f"seconds={self.options.seconds}", "warm=0.2", *turns, *settings)

    def testpmd(self, mode, device):
        """ns of CPU time a packet of testpmd's forwarding thread."""
        need("dpdk-testpmd")
        command = ["dpdk-testpmd", *self.eal("0@0,1@0"), f"--vdev={device}", "--", f"--forward-mode={mode}", "--txpkts=86",
                   "--total-num-mbufs=2048"]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            time.sleep(1)
            end = time.monotonic() + 60
            cpu = 0
            while process.poll() is None and cpu < (self.options.seconds + 0.2) * 1e9 and time.monotonic() < end:
                time.sleep(0.05)
                cpu = worker_time(process.pid)
            if process.poll() is None:
                process.stdin.write("\n")
                process.stdin.close()
            text = process.stdout.read()
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait()
        packets = re.findall(r"TX-packets: (\d+)", text)
        if not packets or cpu == 0:
            words = " ".join(text.split())[-200:]
            sys.exit(f"bench: dpdk-testpmd sent nothing into {device}; its last words: {words}")
        return {"cpu_ns": cpu / int(packets[-1])}

    def publish(self, table, *notes, noise=None):
        """Print a table, and what the machine did besides since the last one: noise has its cause beside it."""
        now = machine_time()
        busy, own, passed = (after - before for before, after in zip(self.since, now))
        if passed > 1:  # a second table of the same runs has the same note
            self.since = now
            self.noise = f"Other work took {100 * max(0, busy - own) / passed:.0f} % of the machine meanwhile."
        table.note = " ".join([*notes, noise or self.noise])
        print(f"\n### {table.title}\n\n{table}", flush=True)
        self.tables.append(table)

    def table(self, name, title, columns):
        pages = "-huge" if self.options.huge else ""
        return Table(name + pages, f"{title}, {'hugepages' if self.options.huge else 'without hugepages'}", columns)

    def rounds(self, subjects):
        """Run all subjects in turn, round after round: {subject: [line, ...]}."""
        lines = {subject: [] for subject in subjects}
        for _ in range(self.options.rounds):
            for subject, run in subjects.items():
                lines[subject].append(run())
        return lines

    def compare(self, name, title, subjects, base=None):
        """A table of CPU time a packet. `base`: whose rate is 1."""
        lines = self.rounds(subjects)
        medians = {s: statistics.median(line["cpu_ns"] for line in runs) for s, runs in lines.items()}
        first = next(iter(medians.values()))
        table = self.table(name, title, [" |", "ns", "lowest-highest", "M/s", "ratio" if base else "cost ratio"])
        for subject, runs in lines.items():
            ns = [line["cpu_ns"] for line in runs]
            ratio = medians[base] / medians[subject] if base else medians[subject] / first
            table.add(subject, f"{medians[subject]:.1f}", spread(ns), f"{1e3 / medians[subject]:.1f}", f"{ratio:.2f}")
            self.results.append({"bench": name, "subject": subject, "huge": self.options.huge, "cpu_ns": summary(ns), "ratio": ratio,
                                 "base": base or next(iter(medians)), "last": runs[-1]})
        self.publish(table)
        return lines


def machine_time():
    """Seconds of CPU so far: of everybody, of our children that have ended, and the most that there could be."""
    with open("/proc/stat") as counters:
        user, nice, system, idle, waiting, interrupt, soft, steal = map(int, counters.readline().split()[1:9])
    busy = user + nice + system + interrupt + soft + steal
    tick = os.sysconf("SC_CLK_TCK")
    own = resource.getrusage(resource.RUSAGE_CHILDREN)
    return busy / tick, own.ru_utime + own.ru_stime, (busy + idle + waiting) / tick


def worker_time(pid):
    """ns that the worker lcore of a DPDK process had the CPU; 0 before it runs."""
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/comm") as name:
                if "worker" in name.read():
                    with open(f"/proc/{pid}/task/{task}/schedstat") as times:
                        return int(times.read().split()[0])
    except FileNotFoundError:
        pass  # it has just ended
    return 0

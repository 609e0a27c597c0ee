#!/usr/bin/env python3
"""Compares `mes schedule solve` with OR-Tools CP-SAT and with best-known results, and prints tables in Markdown.

    compare.py run   --mes PATH --instances DIR --harness DIR --results FILE [--only FAMILY,...] [--sample N] [--peer]
    compare.py table --instances DIR --results FILE
    compare.py replan --mes PATH --instance FILE --plan FILE --results FILE --down SUITE@SLOT,... [--slots N]

`run` appends one JSON line per solver run to FILE and skips what is there already, so that it can be stopped and
continued; `table` prints what FILE holds. DIR of the instances holds one folder a family, best-known.csv, and (for the
sizes that are not stored) whatever was written there with the harness's generator. The peer is the best of its
configurations at equal cores. `replan` takes each of the suites out of use at its slot, plans again near to the given
plan for the time of `--seconds` and freely for `--peer-seconds`, each with three seeds, and prints a table. Nothing of the instances or of the harness is part of this repository.
"""
import argparse
import csv
import json
import pathlib
import statistics
import subprocess
import sys
import time

SEEDS = (1, 2, 3)
CLASSIC = {
    "rcpspmax-ubo100": "*.sch",
    "rcpspmax-ubo200": "*.sch",
    "rcpspmax-sm_j30": "*.SCH",
    "rcpsp-j60": "*.sm",
    "rcpsp-j120": "*.sm",
    "mmrcpsp-j30": "*.mm",
    "mmrcpsp-mmlib50": "*.mm",
    "fjsp-brandimarte": "*.txt",
    "fjsp-hurink": "*.txt",
    "fjspsdst-fattahi": "*.fjs",
}
# Ways of running CP-SAT on two cores; the best of them is the peer.
CP_SAT = {
    "2 workers": ["--workers", "2"],
    "8 workers": ["--workers", "8"],
    "2 workers, LNS only": ["--workers", "2", "--params", "use_lns_only=true"],
}
FACILITY_PEERS = {
    "CP-SAT in LNS": ["--mode", "lns", "--workers", "2"],
    "CP-SAT in LNS, 8 workers": ["--mode", "lns", "--workers", "8"],
    "CP-SAT whole, 8 workers": ["--mode", "mono", "--workers", "8"],
}


def last_json(command, limit):
    """Runs a command and gives the last line of its output as JSON, or the error it ended with."""
    begin = time.time()
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        return {"error": f"no answer within {limit} s"}
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if not lines:
        return {"error": (done.stderr.strip().splitlines() or ["no output"])[-1], "exit": done.returncode}
    return {**json.loads(lines[-1]), "wall": round(time.time() - begin, 2), "exit": done.returncode}


class Results:
    """Runs that were made, by solver, instance, seed and time limit."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        self.rows = [json.loads(line) for line in lines]
        self.known = {self.key(row) for row in self.rows}

    @staticmethod
    def key(row):
        return (row["solver"], row["family"], row["instance"], row["seed"], row["limit"])

    def make(self, solver, family, instance, seed, limit, command, judge=None):
        row = dict(solver=solver, family=family, instance=instance, seed=seed, limit=limit)
        if self.key(row) in self.known:
            return
        row["out"] = last_json(command, limit * 3 + 60)
        if judge is not None and "error" not in row["out"]:
            judge(row["out"])
        self.rows.append(row)
        self.known.add(self.key(row))
        with self.path.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(solver, family, instance, seed, row["out"].get("objective"), row["out"].get("error", ""), file=sys.stderr)


def ours(args, file, seed, seconds):
    out = pathlib.Path(args.results).with_suffix(".plan")
    return [args.mes, "schedule", "solve", str(file), "--seconds", str(seconds), "--seed", str(seed), "--threads", "2",
            "--out", str(out)]


def referee(args, file, out):
    """Has the harness's own checker judge the plan that was written; it must find no violation and the same objective."""
    if args.harness is None:
        return
    plan = pathlib.Path(args.results).with_suffix(".plan")
    verdict = last_json([args.python, f"{args.harness}/check_facility.py", str(file), str(plan)], 600)
    if not verdict.get("feasible") or verdict.get("objective") != out["objective"]:
        sys.exit(f"{file.name}: the two checkers differ: {out['objective']} here, there {verdict}")
    out["both_checkers"] = True


def run(args):
    results = Results(args.results)
    wanted = set(args.only.split(",")) if args.only else None
    instances = pathlib.Path(args.instances)
    if wanted is None or "facility" in wanted:
        for file in sorted((instances / "facility").glob("fac-*.json*")):
            name = file.name.split(".")[0]
            for seed in SEEDS:
                results.make("ours", "facility", name, seed, args.seconds, ours(args, file, seed, args.seconds),
                             lambda out, file=file: referee(args, file, out))
            if args.peer:
                for peer, flags in FACILITY_PEERS.items():
                    if args.peers and peer not in args.peers.split(","):
                        continue
                    command = [args.python, f"{args.harness}/solve_facility.py", str(file), "--time",
                               str(args.peer_seconds), *flags]
                    results.make(peer, "facility", name, 1, args.peer_seconds, command)
    for family, pattern in CLASSIC.items():
        if wanted is not None and family not in wanted:
            continue
        files = sorted((instances / family).glob(pattern))
        step = max(1, len(files) // args.sample) if args.sample else 1
        for file in files[::step]:
            results.make("ours", family, file.name, 1, args.seconds, ours(args, file, 1, args.seconds))
            if args.peer:
                for peer, flags in CP_SAT.items():
                    command = [args.python, f"{args.harness}/solve.py", str(file), "--family", family, "--time",
                               str(args.seconds), *flags]
                    results.make(f"CP-SAT {peer}", family, file.name, 1, args.seconds, command)


def known(instances):
    """Best-known lower and upper bounds by family and instance; `unsat` where no schedule exists."""
    with (pathlib.Path(instances) / "best-known.csv").open() as file:
        return {(row["family"], row["instance"]): row for row in csv.DictReader(file)}


def objective(row):
    return row["out"].get("objective")


def facility_table(results):
    rows = [row for row in results.rows if row["family"] == "facility"]
    peers = sorted({row["solver"] for row in rows} - {"ours"})
    heads = ["instance", "ours, median of three", "seeds", "first plan", "memory"]
    heads += [*peers, "ours ÷ best peer"]
    print("| " + " | ".join(heads) + " |\n|" + "---|" * len(heads))
    for name in sorted({row["instance"] for row in rows}):
        here = [row for row in rows if row["instance"] == name]
        mine = [row["out"] for row in here if row["solver"] == "ours" and objective(row) is not None]
        if not mine:
            continue
        middle = statistics.median(out["objective"] for out in mine)
        theirs = [(row["solver"], row["limit"], objective(row)) for row in here if row["solver"] != "ours"]
        best = min((value for _, _, value in theirs if value is not None), default=None)
        first = max(out.get("first_feasible_ms") or 0 for out in mine)
        memory = max(out.get("peak_rss_mb") or 0 for out in mine)
        spread = ", ".join(f"{out['objective']:,}" for out in mine)
        cells = [name, f"{middle:,.0f}", spread, f"{first:g} ms", f"{memory:g} MB"]
        for peer in peers:
            of_peer = [f"{'no plan' if value is None else f'{value:,}'} ({limit:g} s)" for who, limit, value in theirs if who == peer]
            cells.append(", ".join(of_peer) or "–")
        cells += [f"{middle / best:.2f}" if best else "–"]
        print("| " + " | ".join(cells) + " |")


def classic_table(results, instances):
    reference = known(instances)
    solvers = sorted({row["solver"] for row in results.rows if row["family"] != "facility"}, key=lambda it: it != "ours")
    print("| family | solver | instances | solved of feasible | infeasible proved | optimal proved | mean gap | worst gap |")
    print("|---|---|---|---|---|---|---|---|")
    for family in CLASSIC:
        rows = [row for row in results.rows if row["family"] == family]
        best = {}
        for row in rows:
            if objective(row) is not None:
                best[row["instance"]] = min(best.get(row["instance"], objective(row)), objective(row))
        for solver in solvers:
            mine = [row for row in rows if row["solver"] == solver]
            if not mine:
                continue
            gaps, solved, feasible, refuted, infeasible, proved = [], 0, 0, 0, 0, 0
            for row in mine:
                stored = reference.get((family, row["instance"]), {})
                value = objective(row)
                if stored.get("ub") == "unsat":
                    infeasible += 1
                    refuted += is_refuted(row["out"])
                    continue
                feasible += 1
                if value is None:
                    continue
                solved += 1
                proved += row["out"].get("lower_bound") == value
                marks = [int(stored["ub"])] if stored.get("ub", "").isdigit() else []
                least = min(marks + [best[row["instance"]]])
                gaps.append(100 * (value - least) / least)
            mean = f"{statistics.mean(gaps):.2f} %" if gaps else "–"
            worst = f"{max(gaps):.1f} %" if gaps else "–"
            print(f"| {family} | {solver} | {len(mine)} | {solved} / {feasible} | {refuted} / {infeasible} | {proved} | {mean} | {worst} |")


def is_refuted(out):
    return bool(out.get("infeasible_proved")) or out.get("status") == "INFEASIBLE"


def replan(args):
    """Replans near to the plan in force against a free re-optimisation of the same disruption."""
    results = Results(args.results)
    name = pathlib.Path(args.instance).name.split(".")[0]
    print("| instance | suite down | first repair | most moved | near, median | free, median | near ÷ free | near ÷ best free |")
    print("|---|---|---|---|---|---|---|---|")
    for down in args.down.split(","):
        suite, at = down.split("@")
        event = pathlib.Path(args.results).with_suffix(f".{suite}.event.json")
        kind = {"kind": "suite-down", "suite": suite, "start": int(at), "end": int(at) + args.slots}
        event.write_text(json.dumps({"now": int(at), "events": [kind]}))
        base = [args.mes, "schedule", "replan", args.instance, args.plan, str(event), "--threads", "2", "--quiet"]
        for seed in SEEDS:
            for way, seconds, flags in (("near", args.seconds, []), ("free", args.peer_seconds, ["--free"])):
                command = [*base, "--seed", str(seed), "--seconds", str(seconds), *flags]
                results.make(way, "replan", f"{name} {down}", seed, seconds, command)
        outs = {way: [row["out"] for row in results.rows if row["solver"] == way and row["instance"] == f"{name} {down}"]
                for way in ("near", "free")}
        near, free = (statistics.median(out["objective"] for out in outs[way]) for way in ("near", "free"))
        best = min(out["objective"] for out in outs["free"])
        first, most = max(out["first_feasible_ms"] for out in outs["near"]), max(out["moved_batches"] for out in outs["near"])
        if not all(out["feasible"] for way in outs.values() for out in way):
            sys.exit(f"{name} {down}: a plan breaks a rule")
        print(f"| {name} | {suite} at {at} | {first:g} ms | {most} | {near:,.0f} | {free:,.0f} | {near / free:.3f} | {near / best:.3f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["run", "table", "replan"])
    parser.add_argument("--mes", default="target/release/mes")
    parser.add_argument("--instances")
    parser.add_argument("--harness")
    parser.add_argument("--results", required=True)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--only", help="families, with commas between")
    parser.add_argument("--sample", type=int, default=0, help="at most about so many instances a family")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--peer", action="store_true", help="run the peers too")
    parser.add_argument("--peers", help="of the facility's peers only these, with commas between")
    parser.add_argument("--peer-seconds", type=float, default=120, help="time of the facility's peers")
    parser.add_argument("--instance", help="of a replan")
    parser.add_argument("--plan", help="the plan in force")
    parser.add_argument("--down", help="suites that go out of use, SUITE@SLOT with commas between")
    parser.add_argument("--slots", type=int, default=120, help="for how long")
    args = parser.parse_args()
    if args.what == "replan":
        replan(args)
        return
    if args.what == "run":
        run(args)
        return
    results = Results(args.results)
    facility_table(results)
    print()
    classic_table(results, args.instances)


if __name__ == "__main__":
    main()

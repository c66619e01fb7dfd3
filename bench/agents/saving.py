#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""What pairing saves between real processes, beside what its plan predicts.

Four agents on this machine, as processes that talk over encrypted ZeroMQ, on slices of a core (duty cycle) and over
links of 100 Mbps (token bucket). Runs with pairing and without take turns; the time of a round is that of the wall clock.

    python3 bench/agents/saving.py --program build/default/examples/comdml --data-dir DIR

Needs an otherwise idle machine of two cores, and the data set's files in DIR.
"""
import argparse
import json
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile

SHARES = [0.67, 0.67, 0.13, 0.13]


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def run_fleet(program, folder, keys, train, pairing, options):
    """Seconds of each round but the first, as agent 0 measured them."""
    ports = free_ports(len(SHARES))
    agents = []
    for i, share in enumerate(SHARES):
        text = f'[agent]\nid = {i}\nkey = "{folder}/key-{i}"\nbind = "tcp://127.0.0.1:{ports[i]}"\n'
        for j in range(len(SHARES)):
            if j != i:
                text += f'[[peer]]\nid = {j}\npublic-key = "{keys[j]}"\naddress = "tcp://127.0.0.1:{ports[j]}"\n'
        text += f'[train]\n{train}pairing = "{pairing}"\n[emulate]\nshare = {share}\nmbps = 100\n[log]\nfile = "{folder}/log-{i}"\n'
        config = folder / f"agent-{i}.toml"
        config.write_text(text)
        command = [program, "agent", "--config", config]
        if i == 0:
            command += ["--out", folder / "out"]
        agents.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
    try:
        codes = [one.wait(timeout=options.timeout) for one in agents]
    finally:
        for one in agents:
            one.kill()
    if any(codes):
        sys.exit(f"agents ended with {codes}; see {folder}/log-*")
    lines = [json.loads(line) for line in (folder / "out" / "metrics.jsonl").read_text().splitlines()]
    walls = [line["wall_seconds"] for line in lines]
    return [after - before for before, after in zip(walls, walls[1:])]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True)
    parser.add_argument("--data-dir", required=True)
    parser.add_argument("--dataset", default="mnist")
    parser.add_argument("--model", default="resnet8")
    parser.add_argument("--batch", type=int, default=50)
    parser.add_argument("--wire", default="int8", help="how activations travel; fp32 fills a link of 100 Mbps")
    parser.add_argument("--train-limit", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=5, help="measured ones; one more goes before")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--timeout", type=float, default=900)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        run = lambda *arguments: subprocess.run(
            [options.program, *arguments], check=True, text=True, capture_output=True).stdout
        profile = folder / "profile.json"
        run("profile", "--model", options.model, "--batch", str(options.batch), "--images", options.dataset, "--out",
            str(profile), "--wire", options.wire, "--repetitions", "15")
        batches = options.train_limit / options.batch / len(SHARES)
        fleet = folder / "fleet.toml"
        fleet.write_text("".join(f"[[agent]]\ncpus = {share}\nbatches = {batches}\n" for share in SHARES)
                         + "[defaults]\nmbps = 100\n")
        plan = json.loads(run("plan", "--fleet", str(fleet), "--profile", str(profile), "--pairing", "greedy",
                              "--wire", options.wire, "--json"))
        keys = [run("keygen", "--out", str(folder / f"key-{i}")).split()[0] for i in range(len(SHARES))]
        train = (f'dataset = "{options.dataset}"\ndata-dir = "{options.data_dir}"\nmodel = "{options.model}"\n'
                 f"train-limit = {options.train_limit}\ntest-limit = 400\nrounds = {options.rounds + 1}\n"
                 f'batch = {options.batch}\nevaluate-every = 0\nthreads = 1\nfleet = "{fleet}"\nprofile = "{profile}"\n'
                 f'wire = "{options.wire}"\n')
        seconds = {"greedy": [], "none": []}
        for _ in range(options.repeats):
            for pairing in seconds:
                seconds[pairing] += run_fleet(options.program, folder, keys, train, pairing, options)
        with_pairs, alone = statistics.median(seconds["greedy"]), statistics.median(seconds["none"])
        predicted = 1 - plan["makespan_s"] / plan["alone_s"]
        measured = 1 - with_pairs / alone
        print(f"predicted: {plan['makespan_s']:.2f} s with pairs, {plan['alone_s']:.2f} s without: {predicted:.1%} saved")
        print(f"measured:  {with_pairs:.2f} s with pairs, {alone:.2f} s without: {measured:.1%} saved "
              f"(medians of {len(seconds['none'])} rounds each, runs in turn)")
        print("rounds with pairs:   ", " ".join(f"{one:.2f}" for one in seconds["greedy"]))
        print("rounds without pairs:", " ".join(f"{one:.2f}" for one in seconds["none"]))


if __name__ == "__main__":
    main()

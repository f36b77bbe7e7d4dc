#!/usr/bin/env python3
"""Step times of halfscope-cli's FP32 and mixed lanes against PyTorch eager FP32, in one run.

The two take turns, model by model, and the ratios are medians of the rounds' own, because a machine's speed drifts;
PyTorch gets its best number of threads for each model. Absolute times of one machine say little. Needs torch (CPU):

    cmake --preset release && cmake --build build/release
    python3 tests/bench/against_torch.py --cli build/release/bin/halfscope-cli --python VENV/bin/python
"""
import argparse, json, pathlib, statistics, subprocess, sys

SCENARIOS = ["spiral-mlp", "image-fit", "char-gru", "digits-cnn"]


def halfscope(cli, scenario, lane, steps, threads):
    """Milliseconds per step of one lane alone, without telemetry."""
    command = [cli, "train", "--scenario", scenario, "--lane", f"lane={lane}", "--steps", str(steps), "--probe-every", "0",
               "--shadow-every", "0", "--json", "-", "--threads", str(threads)]
    lines = [json.loads(line) for line in subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()]
    return 1e3 / lines[-1]["lanes"][0]["steps_per_second"]


def torch(python, scenario, steps, threads):
    """Milliseconds per step, and PyTorch's version."""
    script = pathlib.Path(__file__).with_name("torch_cpu.py")
    command = [python, str(script), "--threads", str(threads), "--runs", str(steps), "--only", scenario]
    result = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return result["milliseconds_per_step"][scenario], result["torch"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cli", default="build/release/bin/halfscope-cli")
    parser.add_argument("--python", default=sys.executable, help="a Python that has torch")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    version = "?"
    rounds = {name: [] for name in SCENARIOS}
    for _ in range(options.rounds):
        for name in SCENARIOS:
            row = {lane: halfscope(options.cli, name, lane, options.steps, options.threads) for lane in ("fp32", "mixed")}
            peers = {}
            for threads in range(1, options.threads + 1):
                peers[threads], version = torch(options.python, name, options.steps, threads)
            row["threads"] = min(peers, key=peers.get)
            row["torch"] = peers[row["threads"]]
            # Before and after the peer: what drifts meanwhile is halved.
            row["fp32"] = (row["fp32"] + halfscope(options.cli, name, "fp32", options.steps, options.threads)) / 2
            rounds[name].append(row)
    print(f"torch {version}, medians of {options.rounds} rounds, ms per step; ratios are medians of each round's own")
    print(f"{'scenario':12} {'fp32':>8} {'mixed':>8} {'torch':>8} {'threads':>8} {'torch/fp32':>11} {'mixed/fp32':>11}")
    for name, rows in rounds.items():
        fp32, mixed, peer = (statistics.median(row[key] for row in rows) for key in ("fp32", "mixed", "torch"))
        against = statistics.median(row["torch"] / row["fp32"] for row in rows)
        slowdown = statistics.median(row["mixed"] / row["fp32"] for row in rows)
        threads = statistics.mode(row["threads"] for row in rows)
        print(f"{name:12} {fp32:8.2f} {mixed:8.2f} {peer:8.2f} {threads:8} {against:11.2f} {slowdown:11.2f}")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Step times of halfscope-cli's FP32 and mixed lanes against PyTorch eager FP32, in one run.

The two take turns, so that a machine whose speed drifts is fair to both; PyTorch gets its best number of threads for
each model. Ratios of the medians are what counts; absolute times of one machine say little. Needs torch (CPU):

    cmake --preset release && cmake --build build/release
    python3 tests/bench/against_torch.py --cli build/release/bin/halfscope-cli --python VENV/bin/python
"""
import argparse, json, pathlib, statistics, subprocess, sys

SCENARIOS = {
    "spiral-mlp": [], "image-fit": [], "char-gru": [], "digits-cnn": [],
}


def halfscope(cli, scenario, lane, steps, threads):
    """Milliseconds per step of one lane alone, without telemetry."""
    command = [cli, "train", "--scenario", scenario, "--lane", f"lane={lane}", "--steps", str(steps), "--probe-every", "0",
               "--shadow-every", "0", "--json", "-", "--threads", str(threads), *SCENARIOS[scenario]]
    lines = [json.loads(line) for line in subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()]
    return 1e3 / lines[-1]["lanes"][0]["steps_per_second"]


def torch(python, threads, runs):
    script = pathlib.Path(__file__).with_name("torch_cpu.py")
    command = [python, str(script), "--threads", str(threads), "--runs", str(runs)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cli", default="build/release/bin/halfscope-cli")
    parser.add_argument("--python", default=sys.executable, help="a Python that has torch")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    times = {name: {"fp32": [], "mixed": [], "torch": {}} for name in SCENARIOS}
    version = "?"
    for _ in range(options.rounds):
        for name in SCENARIOS:
            for lane in ("fp32", "mixed"):
                times[name][lane].append(halfscope(options.cli, name, lane, options.steps, options.threads))
        for threads in range(1, options.threads + 1):
            result = torch(options.python, threads, options.steps)
            version = result["torch"]
            for name in SCENARIOS:
                times[name]["torch"].setdefault(threads, []).append(result["milliseconds_per_step"][name])
    print(f"torch {version}, medians of {options.rounds} rounds, ms per step")
    print(f"{'scenario':12} {'fp32':>8} {'mixed':>8} {'torch':>8} {'threads':>8} {'torch/fp32':>11} {'mixed/fp32':>11}")
    for name, row in times.items():
        fp32, mixed = statistics.median(row["fp32"]), statistics.median(row["mixed"])
        threads, best = min(((n, statistics.median(t)) for n, t in row["torch"].items()), key=lambda pair: pair[1])
        print(f"{name:12} {fp32:8.2f} {mixed:8.2f} {best:8.2f} {threads:8} {best / fp32:11.2f} {mixed / fp32:11.2f}")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Step times of halfscope-cli's FP32 and mixed lanes against PyTorch's, in one run: eager FP32 on the processor; with
--device cuda mixed precision, eager and with CUDA graphs.

The two take turns, model by model, and the ratios are medians of the rounds' own, because a machine's speed drifts;
PyTorch gets its best number of threads for each model. Absolute times of one machine say little. Needs torch:

    cmake --preset release && cmake --build build/release
    python3 tests/bench/against_torch.py --cli build/release/bin/halfscope-cli --python VENV/bin/python
"""
import argparse, json, pathlib, statistics, subprocess, sys

SCENARIOS = ["spiral-mlp", "image-fit", "char-gru", "digits-cnn"]
# On a GPU alone: (name of the peer's model, scenario, settings).
LARGE = ("mlp-4x4096", "spiral-mlp", ["layers=4", "width=4096", "points=4096", "batch=4096"])


def halfscope(cli, scenario, lane, steps, device, settings=()):
    """Milliseconds per step of one lane alone, without telemetry."""
    command = [cli, "train", "--scenario", scenario, "--lane", f"lane={lane}", "--steps", str(steps), "--probe-every", "0",
               "--shadow-every", "0", "--json", "-", *device]
    for setting in settings:
        command += ["--set", setting]
    lines = [json.loads(line) for line in subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()]
    return 1e3 / lines[-1]["lanes"][0]["steps_per_second"]


def peer(python, script, arguments):
    """What a peer prints."""
    command = [python, str(pathlib.Path(__file__).with_name(script)), *arguments]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)


def median(values):
    """None where one is missing."""
    return None if None in values else statistics.median(values)


def on_the_processor(options):
    device = ["--device", "cpu", "--threads", str(options.threads)]
    version = "?"
    rounds = {name: [] for name in SCENARIOS}
    for _ in range(options.rounds):
        for name in SCENARIOS:
            row = {lane: halfscope(options.cli, name, lane, options.steps, device) for lane in ("fp32", "mixed")}
            peers = {}
            for threads in range(1, options.threads + 1):
                result = peer(options.python, "torch_cpu.py", ["--threads", str(threads), "--runs", str(options.steps), "--only", name])
                peers[threads], version = result["milliseconds_per_step"][name], result["torch"]
            row["threads"] = min(peers, key=peers.get)
            row["torch"] = peers[row["threads"]]
            # Before and after the peer: what drifts meanwhile is halved.
            row["fp32"] = (row["fp32"] + halfscope(options.cli, name, "fp32", options.steps, device)) / 2
            rounds[name].append(row)
    print(f"torch {version}, medians of {options.rounds} rounds, ms per step; ratios are medians of each round's own")
    print(f"{'scenario':12} {'fp32':>8} {'mixed':>8} {'torch':>8} {'threads':>8} {'torch/fp32':>11} {'mixed/fp32':>11}")
    for name, rows in rounds.items():
        fp32, mixed, other = (statistics.median(row[key] for row in rows) for key in ("fp32", "mixed", "torch"))
        against = statistics.median(row["torch"] / row["fp32"] for row in rows)
        slowdown = statistics.median(row["mixed"] / row["fp32"] for row in rows)
        threads = statistics.mode(row["threads"] for row in rows)
        print(f"{name:12} {fp32:8.2f} {mixed:8.2f} {other:8.2f} {threads:8} {against:11.2f} {slowdown:11.2f}")


def on_the_gpu(options):
    version = name_of_device = "?"
    models = [(name, name, []) for name in SCENARIOS] + [LARGE]
    rounds = {model: [] for model, _, _ in models}
    for _ in range(options.rounds):
        for model, scenario, settings in models:
            row = {lane: halfscope(options.cli, scenario, lane, options.steps, ["--device", "cuda"], settings) for lane in ("fp32", "mixed")}
            result = peer(options.python, "torch_cuda.py", ["--runs", str(options.steps), "--only", model])
            version, name_of_device = result["torch"], result["device"]
            row.update({f"torch_{kind}": ms for kind, ms in result["milliseconds_per_step"][model].items()})
            rounds[model].append(row)
    print(f"torch {version} on {name_of_device}, medians of {options.rounds} rounds, ms per step; ratios are medians of each round's own")
    columns = ["fp32", "mixed", "torch_fp32", "torch_eager", "torch_graphs"]
    print(f"{'model':12} " + " ".join(f"{column:>12}" for column in columns) + f" {'eager/mixed':>12} {'graphs/mixed':>12} {'fp32/mixed':>12}")
    for model, rows in rounds.items():
        times = [median([row[column] for row in rows]) for column in columns]
        ratios = [median([row[column] and row[column] / row["mixed"] for row in rows]) for column in ("torch_eager", "torch_graphs", "fp32")]
        numbers = ["-" if ms is None else f"{ms:.3f}" for ms in times] + ["-" if ratio is None else f"{ratio:.2f}" for ratio in ratios]
        print(f"{model:12} " + " ".join(f"{number:>12}" for number in numbers), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cli", default="build/release/bin/halfscope-cli")
    parser.add_argument("--python", default=sys.executable, help="a Python that has torch")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--threads", type=int, default=2, help="of the processor")
    options = parser.parse_args()
    (on_the_gpu if options.device == "cuda" else on_the_processor)(options)


if __name__ == "__main__":
    main()

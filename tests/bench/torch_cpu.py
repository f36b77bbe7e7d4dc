#!/usr/bin/env python3
"""The CPU peer: milliseconds per training step in PyTorch eager FP32, for models that Halfscope has too.

Needs torch (CPU). Prints one JSON object. Compare ratios from one run on one idle machine, never absolute times:
against_torch.py runs this and halfscope-cli in turn.
"""
import argparse, json, statistics, time
import torch
from torch_models import MODELS


def milliseconds(step, runs, warm_up=5):
    for _ in range(warm_up):
        step()
    samples = []
    for _ in range(runs):
        start = time.perf_counter()
        step()
        samples.append((time.perf_counter() - start) * 1e3)
    return round(statistics.median(samples), 3)


def stepper(parameters, loss, optimizer):
    opt = optimizer(parameters)
    def step():
        opt.zero_grad()
        loss().backward()
        opt.step()
    return step


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=60)
    parser.add_argument("--only", help="one model; default: all but the large one")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    names = [args.only] if args.only else [name for name in MODELS if name != "mlp-4x4096"]
    print(json.dumps({"torch": torch.__version__, "threads": args.threads,
                      "milliseconds_per_step": {name: milliseconds(MODELS[name](stepper), args.runs) for name in names}}))


if __name__ == "__main__":
    main()

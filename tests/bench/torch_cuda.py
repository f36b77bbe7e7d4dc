#!/usr/bin/env python3
"""The GPU peer: milliseconds per training step in PyTorch mixed precision, for models that Halfscope has too.

eager: autocast to FP16 with GradScaler, launched call by call. graphs: the same with the forward and backward pass in one
CUDA graph, the scaler and the update beside it, as PyTorch's notes on CUDA graphs show it. fp32: eager, TF32 off. The
batch stays on the device; null where PyTorch cannot do it. Needs torch (CUDA). Prints one JSON object; against_torch.py --device cuda runs this and
halfscope-cli in turn.
"""
import argparse, json, statistics, sys, time
import torch
from torch_models import MODELS


def milliseconds(step, runs, warm_up=10):
    for _ in range(warm_up):
        step()
    samples = []
    for _ in range(5):
        torch.cuda.synchronize()
        start = time.perf_counter()
        for _ in range(runs):
            step()
        torch.cuda.synchronize()
        samples.append((time.perf_counter() - start) * 1e3 / runs)
    return round(statistics.median(samples), 4)


def fp32(parameters, loss, optimizer):
    opt = optimizer(parameters)
    def step():
        opt.zero_grad()
        loss().backward()
        opt.step()
    return step


def eager(parameters, loss, optimizer):
    opt, scaler = optimizer(parameters), torch.amp.GradScaler("cuda")
    def step():
        opt.zero_grad()
        with torch.autocast("cuda", torch.float16):
            value = loss()
        scaler.scale(value).backward()
        scaler.step(opt)
        scaler.update()
    return step


def graphs(parameters, loss, optimizer):
    parameters = list(parameters)
    opt, scaler = optimizer(parameters), torch.amp.GradScaler("cuda")
    def passes():
        # Casts of weights must be made in the graph, not remembered from before it.
        with torch.autocast("cuda", torch.float16, cache_enabled=False):
            value = loss()
        scaler.scale(value).backward()
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            opt.zero_grad(set_to_none=True)
            passes()
            scaler.step(opt)
            scaler.update()
    torch.cuda.current_stream().wait_stream(stream)
    opt.zero_grad(set_to_none=True)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        passes()
    graph.reads = loss  # its batch must outlive this function
    def step():
        graph.replay()
        scaler.step(opt)
        scaler.update()
    return step


def attempt(name, kind, stepper, runs):
    """None, and the reason on stderr, where PyTorch cannot do it: not every operation can be captured."""
    try:
        return milliseconds(MODELS[name](stepper), runs)
    except RuntimeError as error:
        print(f"{name}, {kind}: {str(error).splitlines()[0]}", file=sys.stderr)
        return None


STEPPERS = {"fp32": fp32, "eager": eager, "graphs": graphs}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=60)
    parser.add_argument("--only", help="one model; default: all")
    args = parser.parse_args()
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    torch.set_default_device("cuda")
    results = {}
    for name in [args.only] if args.only else list(MODELS):
        results[name] = {}
        for kind, stepper in STEPPERS.items():
            torch.manual_seed(0)
            results[name][kind] = attempt(name, kind, stepper, args.runs)
    print(json.dumps({"torch": torch.__version__, "device": torch.cuda.get_device_name(), "milliseconds_per_step": results}))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Writes tests/parity/fixtures/: what PyTorch computes where Halfscope computes the same.

    python3 -m venv /some/venv && /some/venv/bin/pip install torch==2.15.0 numpy safetensors
    /some/venv/bin/python tests/parity/make_fixtures.py

Run it again only to add a scenario or to follow another PyTorch; the tests read the files and need no PyTorch.

For each scenario, small enough that its files stay tiny:
  S.weights.safetensors  random weights; its metadata names scenario, settings, lane and PyTorch's version
  S.batch.safetensors    one random batch, under the names of the graph's inputs
  S.fp32.safetensors     loss and gradients of torch.nn in FP32; metadata: how far they are from float64
  S.fp16.safetensors     loss and gradients, unscaled, where every stored value is rounded to FP16 (below)
  S.buffers.safetensors  running statistics after one training pass in FP32, of models that have some
and grad_scaler.json: what torch.amp.GradScaler makes of sequences of overflows.

FP16 storage is emulated in FP32 with torch.autograd: Stored rounds a value on its way forward and the gradient that
arrives there on its way back, and stands wherever Halfscope stores a tensor: inputs, weights (FP32 master copies are
rounded for the computation, and each gradient is rounded once, after its sum), and every layer's output, before and
after the activation. A tensor that two nodes read stores both of its gradients before it stores their sum. The loss is
FP32 and multiplied by S. Matrix products and sums run in FP32 in whatever order
PyTorch chooses, so a value that falls beside the boundary between two FP16 numbers may land on the other one. Batch
norm would carry that into every later value: its scenario draws from a seed of which no value lies beside a boundary,
which the same emulation in float64 must confirm.
"""
import json
import pathlib
import sys

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

TORCH_VERSION = "2.15.0"
LOSS_SCALE = 1024.0
LANE = "mixed,loss_scaling=static,loss_scale=1024"
FIXTURES = pathlib.Path(__file__).resolve().parent / "fixtures"


# --- FP16 storage ------------------------------------------------------------------------------------------------

def to_half(x):
    return x.half().to(x.dtype)


class Stored(torch.autograd.Function):
    """A tensor in memory: value and gradient are rounded to FP16."""

    @staticmethod
    def forward(_, x):
        return to_half(x)

    @staticmethod
    def backward(_, gradient):
        return to_half(gradient)


class GradientStored(torch.autograd.Function):
    """A gradient alone in memory: a product that is stored before it is added to something."""

    @staticmethod
    def forward(_, x):
        return x.clone()

    @staticmethod
    def backward(_, gradient):
        return to_half(gradient)


class StoredSigmoid(torch.autograd.Function):
    """Backward reads the stored, rounded output: dx = dy (y (1 - y)). dx is rounded where x is stored."""

    @staticmethod
    def forward(context, x):
        y = to_half(torch.sigmoid(x))
        context.save_for_backward(y)
        return y

    @staticmethod
    def backward(context, gradient):
        (y,) = context.saved_tensors
        return to_half(gradient) * (y * (1 - y))


class StoredGruStep(torch.autograd.Function):
    """One step from both stored projections and h: r, z, n and h' are stored; the gradients between them are not.

    r = s(x_r + h_r), z = s(x_z + h_z), n = tanh(x_n + r h_n), h' = (1 - z) n + z h
    """

    @staticmethod
    def forward(context, from_x, from_h, h):
        x_r, x_z, x_n = from_x.chunk(3, -1)
        h_r, h_z, h_n = from_h.chunk(3, -1)
        r, z = to_half(torch.sigmoid(x_r + h_r)), to_half(torch.sigmoid(x_z + h_z))
        n = to_half(torch.tanh(x_n + r * h_n))
        context.save_for_backward(r, z, n, h_n, h)
        return (1 - z) * n + z * h

    @staticmethod
    def backward(context, dh):
        r, z, n, h_n, h = context.saved_tensors
        dn = dh * (1 - z) * (1 - n * n)
        dz = dh * (h - n) * (z * (1 - z))
        dr = dn * h_n * (r * (1 - r))
        return torch.cat([dr, dz, dn], -1), torch.cat([dr, dz, dn * r], -1), dh * z


def stored_linear(weights, name, x):
    return Stored.apply(F.linear(x, weights[name + ".weight"], weights[name + ".bias"]))


# --- The scenarios: weights, a batch, the loss with torch.nn, the loss with FP16 storage -------------------------

def uniform(shape, bound):
    return (2 * torch.rand(shape) - 1) * bound


def linear_weights(name, inputs, outputs):
    bound = inputs ** -0.5
    return {name + ".weight": uniform((outputs, inputs), bound), name + ".bias": uniform((outputs,), bound)}


def mlp_weights(widths):
    weights = {}
    for number, (inputs, outputs) in enumerate(zip(widths, widths[1:]), 1):
        weights.update(linear_weights(f"fc{number}", inputs, outputs))
    return weights


def mlp(weights, x, linear, activation):
    layers = len(weights) // 2
    for number in range(1, layers + 1):
        x = linear(weights, f"fc{number}", x)
        if number < layers:
            x = activation(x)
    return x


def plain_linear(weights, name, x):
    return F.linear(x, weights[name + ".weight"], weights[name + ".bias"])


def spiral_mlp():
    rows, width, layers = 200, 24, 4
    batch = {"x": torch.randn(rows, 2), "y": torch.randint(0, 3, (rows,))}
    return {
        "settings": {"points": rows, "batch": rows, "layers": layers, "width": width},
        "weights": mlp_weights([2] + [width] * layers + [3]),
        "batch": batch,
        "fp32": lambda w, b: F.cross_entropy(mlp(w, b["x"], plain_linear, torch.sigmoid), b["y"]),
        "fp16": lambda w, b: F.cross_entropy(mlp(w, to_half(b["x"]), stored_linear, StoredSigmoid.apply), b["y"]),
    }


def image_fit():
    rows, features, width, layers = 48, 32, 24, 3
    batch = {"x": torch.cos(3 * torch.randn(rows, features)), "y": torch.rand(rows, 3)}
    return {
        "settings": {"size": 8, "batch": rows, "features": features, "layers": layers, "width": width},
        "weights": mlp_weights([features] + [width] * layers + [3]),
        "batch": batch,
        "fp32": lambda w, b: F.mse_loss(mlp(w, b["x"], plain_linear, torch.relu), b["y"]),
        "fp16": lambda w, b: F.mse_loss(
            mlp(w, to_half(b["x"]), stored_linear, lambda x: Stored.apply(torch.relu(x))), b["y"]),
    }


def char_gru():
    vocabulary, embedding, hidden, rows, steps = 27, 8, 12, 6, 8
    bound = hidden ** -0.5
    weights = {"embedding.weight": 0.5 * torch.randn(vocabulary, embedding),
               "gru.weight_ih_l0": uniform((3 * hidden, embedding), bound),
               "gru.weight_hh_l0": uniform((3 * hidden, hidden), bound),
               "gru.bias_ih_l0": uniform((3 * hidden,), bound),
               "gru.bias_hh_l0": uniform((3 * hidden,), bound),
               **linear_weights("head", hidden, vocabulary)}
    batch = {"x": torch.randint(0, vocabulary, (rows, steps)), "y": torch.randint(0, vocabulary, (rows, steps))}

    def reference(w, b):
        cell = torch.nn.GRU(embedding, hidden, batch_first=True).to(w["gru.weight_ih_l0"].dtype)
        names = {name.removeprefix("gru."): value for name, value in w.items() if name.startswith("gru.")}
        outputs, _ = torch.func.functional_call(cell, names, (F.embedding(b["x"], w["embedding.weight"]),))
        logits = plain_linear(w, "head", outputs)
        return F.cross_entropy(logits.reshape(-1, vocabulary), b["y"].reshape(-1))

    def rounded(w, b):
        x = Stored.apply(F.embedding(b["x"], w["embedding.weight"]))
        from_x = Stored.apply(F.linear(x, w["gru.weight_ih_l0"], w["gru.bias_ih_l0"]))
        h, outputs = torch.zeros(rows, hidden), []
        for step in range(steps):
            product = F.linear(GradientStored.apply(h), w["gru.weight_hh_l0"], w["gru.bias_hh_l0"])
            h = Stored.apply(StoredGruStep.apply(from_x[:, step], Stored.apply(product), h))
            outputs.append(GradientStored.apply(h))
        logits = stored_linear(w, "head", torch.stack(outputs, 1))
        return F.cross_entropy(logits.reshape(-1, vocabulary), b["y"].reshape(-1))

    return {"settings": {"batch": rows, "time": steps, "hidden": hidden, "embedding": embedding},
            "weights": weights, "batch": batch, "fp32": reference, "fp16": rounded}


def digits_cnn():
    """The residual network with torchvision's names: one block a stage, the second with a convolution beside it."""
    torch.manual_seed(0)
    rows, size, channels = 6, 8, 4
    weights, norms = {}, []

    def add_convolution(name, norm, inputs, outputs, kernel):
        weights[name + ".weight"] = torch.randn(outputs, inputs, kernel, kernel) * (2 / (inputs * kernel ** 2)) ** 0.5
        weights[norm + ".weight"], weights[norm + ".bias"] = 0.5 + torch.rand(outputs), uniform((outputs,), 0.5)
        norms.append(norm)

    add_convolution("conv1", "bn1", 1, channels, 3)
    for stage, (inputs, outputs) in enumerate([(channels, channels), (channels, 2 * channels)], 1):
        add_convolution(f"layer{stage}.0.conv1", f"layer{stage}.0.bn1", inputs, outputs, 3)
        add_convolution(f"layer{stage}.0.conv2", f"layer{stage}.0.bn2", outputs, outputs, 3)
        if inputs != outputs:
            add_convolution(f"layer{stage}.0.downsample.0", f"layer{stage}.0.downsample.1", inputs, outputs, 1)
    weights.update(linear_weights("fc", 2 * channels, 10))
    batch = {"x": 2 * torch.rand(rows, 1, size, size) - 1, "y": torch.randint(0, 10, (rows,))}
    running = {f"{norm}.running_{part}": fill(weights[norm + ".bias"].shape)
               for norm in norms for part, fill in (("mean", torch.zeros), ("var", torch.ones))}

    def loss(w, b, store, store_branch, statistics=None):
        def layer(x, convolution, norm, stride=1, padding=1):
            x = store(F.conv2d(x, w[convolution + ".weight"], stride=stride, padding=padding))
            kept = [statistics[f"{norm}.running_{part}"] for part in ("mean", "var")] if statistics else [None, None]
            return store(F.batch_norm(x, *kept, w[norm + ".weight"], w[norm + ".bias"], training=True))

        def block(x, name, stride):
            first, beside = store_branch(x), store_branch(x)
            y = store(torch.relu(layer(first, name + ".conv1", name + ".bn1", stride)))
            y = layer(y, name + ".conv2", name + ".bn2")
            if stride != 1:
                beside = layer(beside, name + ".downsample.0", name + ".downsample.1", stride, 0)
            return store(torch.relu(store(y + beside)))

        y = store(torch.relu(layer(b["x"], "conv1", "bn1")))
        y = block(block(y, "layer1.0", 1), "layer2.0", 2)
        return F.cross_entropy(store(plain_linear(w, "fc", store(y.mean((2, 3))))), b["y"])

    def as_it_is(x):
        return x

    with torch.no_grad():
        loss(weights, batch, as_it_is, as_it_is, running)
    return {"settings": {"size": size, "batch": rows, "channels": channels, "blocks": 1}, "weights": weights,
            "batch": batch, "buffers": running, "away_from_boundaries": True,
            "fp32": lambda w, b: loss(w, b, as_it_is, as_it_is),
            "fp16": lambda w, b: loss(w, {**b, "x": to_half(b["x"])}, Stored.apply, GradientStored.apply)}


SCENARIOS = {"spiral-mlp": spiral_mlp, "image-fit": image_fit, "char-gru": char_gru, "digits-cnn": digits_cnn}


# --- Loss and gradients -------------------------------------------------------------------------------------------

def with_gradients(weights):
    return {name: value.detach().clone().requires_grad_() for name, value in weights.items()}


def result_of(loss, leaves, scale):
    gradients = torch.autograd.grad(loss * scale, list(leaves.values()))
    result = {name: gradient / scale for name, gradient in zip(leaves, gradients)}
    return {**result, "loss": loss.detach().reshape(1)}


def in_fp32(scenario):
    leaves = with_gradients(scenario["weights"])
    return result_of(scenario["fp32"](leaves, scenario["batch"]), leaves, 1.0)


def in_double(scenario):
    leaves = with_gradients({name: value.double() for name, value in scenario["weights"].items()})
    batch = {name: value.double() if value.is_floating_point() else value for name, value in scenario["batch"].items()}
    return result_of(scenario["fp32"](leaves, batch), leaves, 1.0)


def in_fp16_storage(scenario, dtype=torch.float32):
    leaves = with_gradients({name: value.to(dtype) for name, value in scenario["weights"].items()})
    batch = {name: value.to(dtype) if value.is_floating_point() else value for name, value in scenario["batch"].items()}
    stored = {name: Stored.apply(leaf) for name, leaf in leaves.items()}
    return result_of(scenario["fp16"](stored, batch), leaves, LOSS_SCALE)


def is_away_from_boundaries(scenario):
    errors = relative_errors(in_fp16_storage(scenario), in_fp16_storage(scenario, torch.float64))
    return max(errors.values()) < 1e-6


def relative_errors(result, reference):
    return {name: float((result[name].double() - value.double()).norm() / value.double().norm())
            for name, value in reference.items()}


def write_scenario(name, make):
    torch.manual_seed(sum(name.encode()))
    scenario = make()
    if scenario.get("away_from_boundaries") and not is_away_from_boundaries(scenario):
        sys.exit(f"{name}: a value lies beside the boundary between two FP16 numbers; take another seed")
    fp32, double, fp16 = in_fp32(scenario), in_double(scenario), in_fp16_storage(scenario)
    errors, rounding = relative_errors(fp32, double), relative_errors(fp16, fp32)
    about = {"scenario": name, "lane": LANE, "torch": TORCH_VERSION,
             "settings": " ".join(f"{key}={value}" for key, value in scenario["settings"].items())}
    for part, tensors, metadata in [
            ("weights", scenario["weights"], about), ("batch", scenario["batch"], {}),
            ("fp32", fp32, {"largest_relative_error_against_float64": f"{max(errors.values()):.2e}"}),
            ("fp16", fp16, {"largest_relative_error_against_fp32": f"{max(rounding.values()):.2e}"}),
            ("buffers", scenario.get("buffers", {}), {})]:
        if not tensors:
            continue
        tensors = {key: value.detach().contiguous() for key, value in tensors.items()}
        save_file(tensors, FIXTURES / f"{name}.{part}.safetensors", metadata=metadata)
    print(f"{name}: FP32 against float64 {max(errors.values()):.2e}, FP16 storage against FP32 "
          f"{min(rounding.values()):.2e} to {max(rounding.values()):.2e}, smallest gradient norm "
          f"{min(float(value.norm()) for value in fp32.values()):.2e}")


# --- torch.amp.GradScaler -----------------------------------------------------------------------------------------

def run_grad_scaler(found_inf, **arguments):
    """The scale after each update, and whether the optimizer stepped, for a sequence of overflows."""
    scaler = torch.amp.GradScaler(device="cpu", **arguments)
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    scaler.scale(torch.zeros(1))  # makes the scale
    scales, stepped = [], []
    for overflow in found_inf:
        before = parameter.item()
        parameter.grad = torch.tensor([float("inf") if overflow else 1.0])
        # step() checks the gradient for itself; the divided gradient is not looked at here.
        if not overflow and scaler.get_scale() == 0.0:
            raise SystemExit("a scale of 0 makes every gradient infinite: end the sequence before")
        scaler.step(optimizer)
        scaler.update()
        stepped.append(parameter.item() != before)
        scales.append(scaler.get_scale())
        parameter.data.zero_()
    return scales, stepped


def runs(sequence):
    """[[value, times], ...]"""
    result = []
    for value in sequence:
        if result and result[-1][0] == value:
            result[-1][1] += 1
        else:
            result.append([value, 1])
    return result


def write_grad_scaler():
    torch.manual_seed(0)
    random = [int(value) for value in torch.rand(300) < 0.2]
    sequences = [
        ("an interval of 3", [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 1, 0, 0, 0], {"growth_interval": 3}),
        ("an interval of 3, at random", random, {"growth_interval": 3}),
        ("an interval of 1", [0, 0, 1, 0, 1, 1, 0], {"growth_interval": 1}),
        ("the defaults", [1] * 3 + [0] * 2000 + [0] * 1999 + [1] + [0] * 2001, {}),
        ("other factors", random[:100],
         {"growth_interval": 3, "growth_factor": 1.5, "backoff_factor": 0.25, "init_scale": 1000.0}),
        ("up to where FP32 ends", [0] * 130, {"growth_interval": 1}),
        ("down to zero", [1] * 170, {}),
    ]
    cases = []
    for name, found_inf, arguments in sequences:
        scales, stepped = run_grad_scaler(found_inf, **arguments)
        settings = {"init_scale": 2.0 ** 16, "growth_factor": 2.0, "backoff_factor": 0.5, "growth_interval": 2000}
        settings.update(arguments)
        cases.append({"name": name, **settings, "found_inf": runs(found_inf), "scale_after": runs(scales),
                      "stepped": runs([int(value) for value in stepped])})
    text = ",\n".join(json.dumps(case) for case in cases)
    (FIXTURES / "grad_scaler.json").write_text(f'{{"torch": "{TORCH_VERSION}", "cases": [\n{text}\n]}}\n')


def main():
    if torch.__version__.split("+")[0] != TORCH_VERSION:
        sys.exit(f"PyTorch {TORCH_VERSION} is pinned here, this is {torch.__version__}")
    torch.set_num_threads(1)
    FIXTURES.mkdir(exist_ok=True)
    for name, make in SCENARIOS.items():
        write_scenario(name, make)
    write_grad_scaler()


if __name__ == "__main__":
    main()

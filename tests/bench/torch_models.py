"""Halfscope's scenarios as PyTorch models, for the peers torch_cpu.py and torch_cuda.py.

Each function makes its model and a fixed batch on the default device and returns stepper(parameters, loss, optimizer):
what a peer makes of them is its own.
"""
import torch, torch.nn as nn, torch.nn.functional as F


def spiral_mlp(stepper):
    """2-32-32-32-32-32-3, sigmoid, batch 8192, Adam."""
    widths = [2, 32, 32, 32, 32, 32]
    layers = [l for a, b in zip(widths, widths[1:]) for l in (nn.Linear(a, b), nn.Sigmoid())] + [nn.Linear(32, 3)]
    net, x, y = nn.Sequential(*layers), torch.randn(8192, 2), torch.randint(0, 3, (8192,))
    return stepper(net.parameters(), lambda: F.cross_entropy(net(x), y), lambda p: torch.optim.Adam(p, 5e-3))


def mlp_4x4096(stepper):
    """2-4096-4096-4096-4096-3, sigmoid, batch 4096, Adam: work for a large GPU."""
    widths = [2, 4096, 4096, 4096, 4096]
    layers = [l for a, b in zip(widths, widths[1:]) for l in (nn.Linear(a, b), nn.Sigmoid())] + [nn.Linear(4096, 3)]
    net, x, y = nn.Sequential(*layers), torch.randn(4096, 2), torch.randint(0, 3, (4096,))
    return stepper(net.parameters(), lambda: F.cross_entropy(net(x), y), lambda p: torch.optim.Adam(p, 5e-3))


def image_fit(stepper):
    """64 Fourier features, 4 x 64 ReLU, 3 outputs, batch 2304, Adam."""
    net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(),
                        nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 3))
    x, y = torch.randn(2304, 64), torch.rand(2304, 3)
    return stepper(net.parameters(), lambda: F.mse_loss(net(x), y), lambda p: torch.optim.Adam(p, 3e-4))


def digits_cnn(stepper):
    """20x20 glyphs, 16 and 32 channels, two residual blocks each, batch norm, batch 32, momentum SGD."""
    class Block(nn.Module):
        def __init__(self, i, o, stride):
            super().__init__()
            self.a, self.na = nn.Conv2d(i, o, 3, stride, 1, bias=False), nn.BatchNorm2d(o)
            self.b, self.nb = nn.Conv2d(o, o, 3, 1, 1, bias=False), nn.BatchNorm2d(o)
            self.skip = nn.Identity() if i == o and stride == 1 else nn.Sequential(nn.Conv2d(i, o, 1, stride, bias=False), nn.BatchNorm2d(o))
        def forward(self, x):
            return F.relu(self.nb(self.b(F.relu(self.na(self.a(x))))) + self.skip(x))
    net = nn.Sequential(nn.Conv2d(1, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(), Block(16, 16, 1), Block(16, 16, 1),
                        Block(16, 32, 2), Block(32, 32, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10))
    x, y = torch.randn(32, 1, 20, 20), torch.randint(0, 10, (32,))
    return stepper(net.parameters(), lambda: F.cross_entropy(net(x), y), lambda p: torch.optim.SGD(p, 0.1, 0.9))


def recurrent(stepper, kind, vocabulary, embedding, hidden, batch, time_steps):
    """Embedding, one recurrent layer, linear to the vocabulary, Adam."""
    embed, cell, head = nn.Embedding(vocabulary, embedding), kind(embedding, hidden, batch_first=True), nn.Linear(hidden, vocabulary)
    tokens = torch.randint(0, vocabulary, (batch, time_steps + 1))
    loss = lambda: F.cross_entropy(head(cell(embed(tokens[:, :-1]))[0]).reshape(-1, vocabulary), tokens[:, 1:].reshape(-1))
    return stepper([*embed.parameters(), *cell.parameters(), *head.parameters()], loss, lambda p: torch.optim.Adam(p, 4e-3))


def gpt(stepper, vocabulary=64, width=64, layers=2, heads=4, batch=16, time_steps=48):
    """Pre-norm Transformer, learned positions, tied embedding, Adam."""
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.n1, self.n2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        def forward(self, x):
            b, t, _ = x.shape
            q, k, v = self.qkv(self.n1(x)).view(b, t, 3, heads, width // heads).permute(2, 0, 3, 1, 4)
            future = torch.triu(torch.ones(t, t, dtype=torch.bool), 1)
            a = (q @ k.transpose(-1, -2) / (width // heads) ** 0.5).masked_fill(future, float("-inf")).softmax(-1)
            x = x + self.out((a @ v).transpose(1, 2).reshape(b, t, width))
            return x + self.down(F.gelu(self.up(self.n2(x))))
    embed, positions = nn.Embedding(vocabulary, width), nn.Parameter(torch.zeros(time_steps, width))
    body, norm = nn.Sequential(*[Block() for _ in range(layers)]), nn.LayerNorm(width)
    tokens = torch.randint(0, vocabulary, (batch, time_steps + 1))
    def loss():
        logits = norm(body(embed(tokens[:, :-1]) + positions)) @ embed.weight.t()
        return F.cross_entropy(logits.reshape(-1, vocabulary), tokens[:, 1:].reshape(-1))
    return stepper([*embed.parameters(), positions, *body.parameters(), *norm.parameters()], loss, lambda p: torch.optim.Adam(p, 2e-3))


MODELS = {
    "spiral-mlp": spiral_mlp, "image-fit": image_fit, "digits-cnn": digits_cnn,
    "char-gru": lambda stepper: recurrent(stepper, nn.GRU, 96, 32, 96, 16, 32),
    "lstm-lm": lambda stepper: recurrent(stepper, nn.LSTM, 1000, 64, 96, 32, 32),
    "gpt": gpt, "mlp-4x4096": mlp_4x4096,
}

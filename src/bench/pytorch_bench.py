"""The same training steps in PyTorch, as a process that `npm run bench` measures. Needs torch only.

    python pytorch_bench.py '{"role": "measure", "shape": {...}, "learning": {...}, "weights": FILE, "threads": 2,
                              "optimizer": "fused", "compile": false}'

Speaks the protocol of protocol.ts: says that it is ready in a line of JSON, then answers each line {"seconds", "count"}. With
the role "choose" it only says which implementation of AdamW is the fastest here.
"""

import json
import math
import resource
import struct
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F


def peak_memory():
    scale = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale


def rms_norm(size):
    return nn.RMSNorm(size, eps=1e-6, elementwise_affine=False)


def rotate(x, cosines, sines):
    """Rotary positions in Llama's order: the first half of a head's dimensions turns with the second."""
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * cosines - b * sines, b * cosines + a * sines], dim=-1)


class Block(nn.Module):
    def __init__(self, shape):
        super().__init__()
        width = shape["width"]
        self.heads = shape["nHead"]
        self.own = shape["architecture"] == "athanor"
        norm = lambda: rms_norm(width) if self.own else nn.LayerNorm(width, eps=1e-5, bias=False)
        linear = lambda inputs, outputs: nn.Linear(inputs, outputs, bias=False)
        self.input_layernorm = norm()
        self.self_attn = nn.ModuleDict(
            {
                # One product for all three, as nanoGPT has it.
                "qkv_proj": linear(width, 3 * width),
                "o_proj": linear(width, width),
            }
        )
        self.post_attention_layernorm = norm()
        self.mlp = nn.ModuleDict({"up_proj": linear(width, 4 * width), "down_proj": linear(4 * width, width)})
        self.head_norm = rms_norm(width // self.heads) if self.own else None

    def forward(self, x, turn):
        B, T, C = x.shape
        qkv = self.self_attn["qkv_proj"](self.input_layernorm(x)).split(C, dim=2)
        q, k, v = (t.view(B, T, self.heads, C // self.heads).transpose(1, 2) for t in qkv)
        if self.own:
            q, k = (rotate(self.head_norm(t), *turn) for t in (q, k))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.self_attn["o_proj"](y.transpose(1, 2).reshape(B, T, C))
        up = self.mlp["up_proj"](self.post_attention_layernorm(x))
        return x + self.mlp["down_proj"](F.relu(up).square() if self.own else F.gelu(up))


class GPT(nn.Module):
    """Parameters under Athanor's names, but for the fused projection of queries, keys and values."""

    def __init__(self, shape):
        super().__init__()
        width, context = shape["width"], shape["contextLength"]
        self.own = shape["architecture"] == "athanor"
        self.embed_tokens = nn.Embedding(shape["vocabSize"], width)
        if not self.own:
            self.embed_positions = nn.Embedding(context, width)
        self.layers = nn.ModuleList(Block(shape) for _ in range(shape["nLayer"]))
        self.norm = rms_norm(width) if self.own else nn.LayerNorm(width, eps=1e-5, bias=False)
        half = width // shape["nHead"] // 2
        angles = torch.outer(torch.arange(context), 10000.0 ** (-torch.arange(half, dtype=torch.float64) / half))
        for name, table in (("cosines", angles.cos()), ("sines", angles.sin())):
            self.register_buffer(name, table.to(torch.get_default_dtype()), persistent=False)

    def forward(self, ids, targets):
        x = self.embed_tokens(ids)
        if self.own:
            x = self.norm(x)
        else:
            x = x + self.embed_positions.weight
        for layer in self.layers:
            x = layer(x, (self.cosines, self.sines))
        logits = F.linear(self.norm(x), self.embed_tokens.weight)
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten())

    def load(self, weights):
        """Weights by Athanor's names."""
        own = {name.removeprefix("model."): tensor for name, tensor in weights.items()}
        for layer in range(len(self.layers)):
            parts = [own.pop(f"layers.{layer}.self_attn.{part}_proj.weight") for part in "qkv"]
            own[f"layers.{layer}.self_attn.qkv_proj.weight"] = torch.cat(parts)
        self.load_state_dict(own)


def adamw(model, learning, kind="default"):
    """nanoGPT's groups: matrices and embeddings decay, gains do not."""
    decay = learning["weightDecay"]
    groups = [
        {"params": [p for p in model.parameters() if p.dim() >= 2], "weight_decay": decay},
        {"params": [p for p in model.parameters() if p.dim() < 2], "weight_decay": 0.0},
    ]
    flags = {} if kind == "default" else {kind: True}
    betas = (learning["beta1"], learning["beta2"])
    return torch.optim.AdamW(groups, lr=learning["learningRate"], betas=betas, eps=1e-8, **flags)


def train_step(model, optimizer, ids, targets, grad_clip):
    """Returns the loss and the norm of the gradient."""
    loss = model(ids, targets)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    norm = nn.utils.clip_grad_norm_(optimizer.param_groups[0]["params"] + optimizer.param_groups[1]["params"], grad_clip)
    optimizer.step()
    return loss.item(), norm


def read_safetensors(path):
    types = {"F32": torch.float32, "I32": torch.int32, "I64": torch.int64}
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        start = file.tell()
        tensors = {}
        for name, entry in header.items():
            if name == "__metadata__":
                continue
            begin, end = entry["data_offsets"]
            file.seek(start + begin)
            data = bytearray(file.read(end - begin))
            tensors[name] = torch.frombuffer(data, dtype=types[entry["dtype"]]).view(entry["shape"])
    return tensors


def batches(tokens, offsets, shape):
    """The given windows first, then random ones as nanoGPT draws them."""
    size, context = shape["batchSize"], shape["contextLength"]
    step = 0
    while True:
        starts = offsets[step] if step < len(offsets) else torch.randint(len(tokens) - context, (size,))
        ids = torch.stack([tokens[i : i + context] for i in starts.tolist()]).long()
        targets = torch.stack([tokens[i + 1 : i + 1 + context] for i in starts.tolist()]).long()
        yield ids, targets
        step += 1


def fastest_optimizer(model, learning, drawn):
    best, best_time = None, math.inf
    for kind in ("default", "foreach", "fused"):
        try:
            optimizer = adamw(model, learning, kind)
            times = []
            for _ in range(5):
                ids, targets = next(drawn)
                start = time.perf_counter()
                train_step(model, optimizer, ids, targets, learning["gradClip"])
                times.append(time.perf_counter() - start)
        except (RuntimeError, TypeError, ValueError):  # not on this machine or in this version
            continue
        if min(times[1:]) < best_time:
            best, best_time = kind, min(times[1:])
    return best


def send(message):
    print(json.dumps(message), flush=True)


def main():
    baseline = peak_memory()
    options = json.loads(sys.argv[1])
    shape, learning = options["shape"], options["learning"]
    torch.manual_seed(1)
    torch.set_num_threads(options["threads"])
    weights = read_safetensors(options["weights"])
    tokens, offsets = weights.pop("bench.tokens"), weights.pop("bench.offsets")
    model = GPT(shape)
    model.load(weights)
    del weights
    drawn = batches(tokens, offsets, shape)
    if options["role"] == "choose":
        send({"optimizer": fastest_optimizer(model, learning, drawn), "version": torch.__version__})
        return
    optimizer = adamw(model, learning, options["optimizer"])
    called = torch.compile(model) if options["compile"] else model
    send({"baselineMemoryBytes": baseline})
    for line in sys.stdin:
        request = json.loads(line)
        seconds, losses = [], []
        end = time.perf_counter() + request["seconds"]
        while len(seconds) < request["count"] or time.perf_counter() < end:
            start = time.perf_counter()
            loss, _ = train_step(called, optimizer, *next(drawn), learning["gradClip"])
            seconds.append(time.perf_counter() - start)
            losses.append(loss)
        send({"seconds": seconds, "losses": losses, "peakMemoryBytes": peak_memory()})


if __name__ == "__main__":
    main()

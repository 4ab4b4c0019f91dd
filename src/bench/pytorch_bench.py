"""The same training steps in PyTorch, as a process that `npm run bench` measures. Needs torch only.

    python pytorch_bench.py '{"role": "measure", "shape": {...}, "learning": {...}, "weights": FILE, "threads": 2,
                              "optimizer": "fused", "compile": false}'

What is learnt is the shape's task: text ("pretrain"), packed dialogues ("sft"), comparisons ("reward") or PPO's answers ("ppo").

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

    def forward(self, x, turn, mask=None):
        B, T, C = x.shape
        qkv = self.self_attn["qkv_proj"](self.input_layernorm(x)).split(C, dim=2)
        q, k, v = (t.view(B, T, self.heads, C // self.heads).transpose(1, 2) for t in qkv)
        if self.own:
            q, k = (rotate(self.head_norm(t), *turn) for t in (q, k))
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None)
        x = x + self.self_attn["o_proj"](y.transpose(1, 2).reshape(B, T, C))
        up = self.mlp["up_proj"](self.post_attention_layernorm(x))
        return x + self.mlp["down_proj"](F.relu(up).square() if self.own else F.gelu(up))


class GPT(nn.Module):
    """Parameters under Athanor's names, but for the fused projection of queries, keys and values."""

    def __init__(self, shape, score=False):
        super().__init__()
        width, context = shape["width"], shape["contextLength"]
        self.own = shape["architecture"] == "athanor"
        self.embed_tokens = nn.Embedding(shape["vocabSize"], width)
        if not self.own:
            self.embed_positions = nn.Embedding(context, width)
        self.layers = nn.ModuleList(Block(shape) for _ in range(shape["nLayer"]))
        self.norm = rms_norm(width) if self.own else nn.LayerNorm(width, eps=1e-5, bias=False)
        if score:
            self.score = nn.Linear(width, 1)
        half = width // shape["nHead"] // 2
        angles = torch.outer(torch.arange(context), 10000.0 ** (-torch.arange(half, dtype=torch.float64) / half))
        for name, table in (("cosines", angles.cos()), ("sines", angles.sin())):
            self.register_buffer(name, table.to(torch.get_default_dtype()), persistent=False)

    def hidden(self, ids, positions=None, documents=None):
        """States after the last norm. Tokens of other documents of the row are not seen."""
        T = ids.shape[1]
        turn, mask = (self.cosines[:T], self.sines[:T]), None
        if positions is not None:
            turn = tuple(table[positions].unsqueeze(1) for table in turn)
        if documents is not None:
            causal = torch.ones(T, T, dtype=torch.bool).tril()
            mask = ((documents[:, :, None] == documents[:, None, :]) & causal).unsqueeze(1)
        x = self.embed_tokens(ids)
        if self.own:
            x = self.norm(x)
        else:
            x = x + self.embed_positions.weight
        for layer in self.layers:
            x = layer(x, turn, mask)
        return self.norm(x)

    def forward(self, ids, targets, positions=None, documents=None):
        logits = F.linear(self.hidden(ids, positions, documents), self.embed_tokens.weight)
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
    return torch.optim.AdamW(groups, lr=learning["learningRate"], betas=betas, eps=learning["epsilon"], **flags)


def pretrain_loss(model, batch):
    return model(batch["ids"], batch["targets"])


def sft_loss(model, batch):
    return model(batch["ids"], batch["targets"], batch["positions"], batch["documents"])


def reward_loss(model, batch):
    """Bradley-Terry over the scores at the last tokens."""
    last = model.hidden(batch["ids"])[torch.arange(len(batch["ids"])), batch["lengths"] - 1]
    scores = model.score(last).squeeze(-1)
    d = scores[batch["better"]] - scores[batch["worse"]] - batch["margin"]
    t, w = batch["target"], batch["weight"]
    return -((t * F.logsigmoid(d) + (1 - t) * F.logsigmoid(-d)) * w).sum() / w.sum()


def answer_states(model, batch):
    """The states before the answers' tokens."""
    return model.hidden(batch["ids"], batch["positions"], batch["documents"]).flatten(0, 1)[batch["at"]]


def masked_mean(x, mask):
    return (x * mask).sum() / mask.sum()


def policy_loss(model, batch, clip=0.2):
    logits = F.linear(answer_states(model, batch), model.embed_tokens.weight)
    log_probs = F.log_softmax(logits, -1).gather(1, batch["targets"][:, None]).squeeze(1)
    ratio = ((log_probs - batch["logProbs"]) * batch["mask"]).exp()
    free, held = -batch["advantages"] * ratio, -batch["advantages"] * ratio.clamp(1 - clip, 1 + clip)
    return masked_mean(torch.maximum(free, held), batch["mask"])


def value_loss(model, batch, clip=0.2):
    values, old = model.score(answer_states(model, batch)).squeeze(-1), batch["values"]
    near = torch.minimum(torch.maximum(values, old - clip), old + clip)
    errors = torch.maximum((values - batch["returns"]).square(), (near - batch["returns"]).square())
    return 0.5 * masked_mean(errors, batch["mask"])


class Learner:
    """A model, its loss and its optimizer."""

    def __init__(self, model, loss, learning, optimizer, compiled=False):
        self.model = model
        self.loss = torch.compile(loss, dynamic=False) if compiled else loss
        self.optimizer = adamw(model, learning, optimizer)
        self.parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        self.clip = learning["gradClip"]

    def step(self, batch):
        loss = self.loss(self.model, batch)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters, self.clip)
        self.optimizer.step()
        return loss.item()


LOSSES = {"pretrain": pretrain_loss, "sft": sft_loss, "reward": reward_loss}


def learners(shape, weights, learning, optimizer, compiled=False):
    """One for most tasks, actor and critic for PPO."""
    def of(own, loss):
        model = GPT(shape, score="score.weight" in own)
        model.load(own)
        return Learner(model, loss, learning, optimizer, compiled)

    if shape["task"] != "ppo":
        return [of(weights, LOSSES[shape["task"]])]
    critic = {name.removeprefix("critic."): t for name, t in weights.items() if name.startswith("critic.")}
    actor = {name: t for name, t in weights.items() if not name.startswith("critic.")}
    return [of(actor, policy_loss), of(critic, value_loss)]


def train_step(learners, batches):
    """Every learner learns every batch; the loss is the sum of theirs, each the mean over the batches."""
    return sum(learner.step(batch) for batch in batches for learner in learners) / len(batches)


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


def drawn(data, shape):
    """Batches of each step. Text: the given windows first, then random ones as nanoGPT draws them."""
    if shape["task"] != "pretrain":
        batches = given(data)
        if shape["task"] == "ppo":
            while True:
                yield batches
        while True:
            for batch in batches:
                yield [batch]
    tokens, offsets = data["tokens"], data["offsets"]
    size, context = shape["batchSize"], shape["contextLength"]
    step = 0
    while True:
        starts = offsets[step] if step < len(offsets) else torch.randint(len(tokens) - context, (size,))
        ids = torch.stack([tokens[i : i + context] for i in starts.tolist()]).long()
        targets = torch.stack([tokens[i + 1 : i + 1 + context] for i in starts.tolist()]).long()
        yield [{"ids": ids, "targets": targets}]
        step += 1


def given(data):
    """Batches by their number: names are NUMBER.FIELD."""
    batches = {}
    for name, tensor in data.items():
        number, field = name.split(".")
        batches.setdefault(int(number), {})[field] = tensor if tensor.is_floating_point() else tensor.long()
    return [batches[number] for number in sorted(batches)]


def fastest_optimizer(shape, weights, learning, steps):
    best, best_time = None, math.inf
    for kind in ("default", "foreach", "fused"):
        try:
            trained = learners(shape, weights, learning, kind)
            times = []
            for _ in range(5):
                batches = next(steps)
                start = time.perf_counter()
                train_step(trained, batches)
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
    tensors = read_safetensors(options["weights"])
    data = {name.removeprefix("bench."): t for name, t in tensors.items() if name.startswith("bench.")}
    weights = {name: t for name, t in tensors.items() if not name.startswith("bench.")}
    steps = drawn(data, shape)
    if options["role"] == "choose":
        send({"optimizer": fastest_optimizer(shape, weights, learning, steps), "version": torch.__version__})
        return
    trained = learners(shape, weights, learning, options["optimizer"], options["compile"])
    del tensors, weights
    send({"baselineMemoryBytes": baseline})
    for line in sys.stdin:
        request = json.loads(line)
        seconds, losses = [], []
        end = time.perf_counter() + request["seconds"]
        while len(seconds) < request["count"] or time.perf_counter() < end:
            start = time.perf_counter()
            loss = train_step(trained, next(steps))
            seconds.append(time.perf_counter() - start)
            losses.append(loss)
        send({"seconds": seconds, "losses": losses, "peakMemoryBytes": peak_memory()})


if __name__ == "__main__":
    main()

"""How much faster the Rank-N-Contrast loss is than the published loop over positives, and how large a batch may be.

    python benchmarks/rank_n_contrast.py

Both run forward and backward on the same embeddings in one run, in turn, and of each the least disturbed pass counts;
their losses and gradients are compared as well. Memory is that of a fresh process for each row. The loop needs about
14 GB at 1,024 clips and is not asked for more; fetching that memory is most of its time. On a CPU both use one thread,
since threads that wait for each other on a busy machine would say more about the machine than about the loss.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable

import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import Tensor

from coreecho.losses import rank_n_contrast_loss

EMBEDDING_DIM = 512
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
LOOP_UP_TO = 1024
ROUNDS = 2
TARGET = 100

Loss = Callable[[Tensor, Tensor], Tensor]


def loop_over_positives(embeddings: Tensor, labels: Tensor) -> Tensor:
    """The published way: for every column of positives a mask of all pairs, O(N^3) time and memory in backward."""
    num_clips = len(embeddings)
    others = ~torch.eye(num_clips, dtype=torch.bool, device=embeddings.device)

    def without_self(pairs: Tensor) -> Tensor:
        return pairs[others].view(num_clips, num_clips - 1)

    label_distances = without_self((labels[:, None] - labels).abs())
    logits = without_self(-(embeddings[:, None] - embeddings).norm(dim=-1))
    similarities = logits.exp()
    loss = embeddings.new_zeros(())
    for positive in range(num_clips - 1):
        is_negative = (label_distances >= label_distances[:, positive, None]).float()
        log_probability = logits[:, positive] - torch.log((is_negative * similarities).sum(dim=-1))
        loss = loss - (log_probability / (num_clips * (num_clips - 1))).sum()
    return loss


def batch(num_clips: int) -> tuple[Tensor, Tensor]:
    """Two views of each of N / 2 videos, with EF as in EchoNet-Dynamic."""
    generator = torch.Generator().manual_seed(num_clips)
    embeddings = torch.randn(num_clips, EMBEDDING_DIM, generator=generator)
    ef_percent = (55.6 + 12 * torch.randn(num_clips // 2, generator=generator)).clamp(5, 95).repeat_interleave(2)
    return embeddings.to(DEVICE).requires_grad_(), ef_percent.to(DEVICE)


def run(loss: Loss, embeddings: Tensor, labels: Tensor) -> tuple[float, Tensor, Tensor]:
    """Seconds of one forward and backward pass, the loss, and its gradient."""
    synchronise()
    begin = time.perf_counter()
    value = loss(embeddings, labels)
    (gradient,) = torch.autograd.grad(value, embeddings)
    synchronise()
    return time.perf_counter() - begin, value.detach(), gradient


def synchronise() -> None:
    """Wait for the GPU, if there is one."""
    if DEVICE == "cuda":
        torch.cuda.synchronize()


def peak_memory_gb() -> float:
    """Of this process; on a GPU, of PyTorch on it."""
    if DEVICE == "cuda":
        return torch.cuda.max_memory_allocated() / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def measure(num_clips: int) -> dict[str, float]:
    """Time both losses for one size of batch."""
    rank_n_contrast_loss(*batch(64))
    embeddings, labels = batch(num_clips)
    has_loop = num_clips <= LOOP_UP_TO
    ours = [run(rank_n_contrast_loss, embeddings, labels) for _ in range(5 if has_loop else 1)]
    gigabytes = peak_memory_gb()
    theirs = []
    # In turn, so that a busy machine slows both alike.
    for _ in range(ROUNDS if has_loop else 0):
        theirs.append(run(loop_over_positives, embeddings, labels))
        ours += [run(rank_n_contrast_loss, embeddings, labels) for _ in range(5)]
    row = {"clips": num_clips, "seconds": min(seconds for seconds, *_ in ours), "gb": gigabytes}
    if theirs:
        _, loss, gradient = theirs[0]
        torch.testing.assert_close(ours[0][1], loss, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(ours[0][2], gradient, rtol=1e-2, atol=1e-3 * float(gradient.abs().max()))
        loop_seconds = min(seconds for seconds, *_ in theirs)
        row |= {"loop_seconds": loop_seconds, "loop_gb": peak_memory_gb(), "ratio": loop_seconds / row["seconds"]}
    return row


def main() -> None:
    """Print the table; the exit code is 1 if the ratio at 1,024 clips falls short."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", type=int, help="measure this number of clips, and print JSON")
    only = parser.parse_args().only
    torch.set_num_threads(1)
    if only:
        sys.stdout.write(json.dumps(measure(only)))
        return
    table = Table(title=f"Rank-N-Contrast, forward and backward, D = {EMBEDDING_DIM}, {DEVICE}")
    for column in ("clips", "loop, s", "ours, s", "ratio", "loop, GB", "ours, GB"):
        table.add_column(column, justify="right")
    rows = []
    for num_clips in track((64, 128, 256, 512, 1024, 8192), "measuring", console=Console(stderr=True), transient=True):
        command = [sys.executable, __file__, "--only", str(num_clips)]
        row = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        rows.append(row)
        loop = [
            f"{row[key]:{style}}" if key in row else "-"
            for key, style in (("loop_seconds", ".3f"), ("ratio", ".0f"), ("loop_gb", ".2f"))
        ]
        table.add_row(f"{num_clips:,}", loop[0], f"{row['seconds']:.4f}", loop[1], loop[2], f"{row['gb']:.2f}")
    console = Console()
    console.print(table)
    ratio = next(row["ratio"] for row in rows if row["clips"] == 1024)
    console.print(f"ratio at 1,024 clips: {ratio:.0f} (wanted: at least {TARGET})")
    sys.exit(ratio < TARGET)


if __name__ == "__main__":
    main()

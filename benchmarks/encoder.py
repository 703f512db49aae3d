"""What the encoder gains from fused attention, from its memory layout, from bfloat16, and from its own backward pass.

    python benchmarks/encoder.py

Every row is a ratio to the plain form of the same network in the same run: attention written out, channels outermost
(as the published code has it), fp32, and PyTorch's own backward pass of depthwise convolutions. Which layout ships
depends on the device: channels innermost on a CPU, outermost elsewhere; the other is measured all the same. On a GPU
a step of the paper's size (32 clips of 36 x 112 x 112) is timed as well. Rounds go over all variants in turn, so that a
busy machine slows all of them alike; of each the least disturbed round counts. One thread, unless told otherwise:
threads that wait for each other would say more about the machine than about the network.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from unittest import mock

import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import Tensor, nn
from torch.nn import functional

from coreecho.models import SIZES, UniFormer, uniformer
from coreecho.models.depthwise_conv import DepthwiseConv3d

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


@dataclass(frozen=True)
class Variant:
    """One form of the same network."""

    name: str
    fused_attention: bool = True
    channels_last: bool = True
    own_backward: bool = True
    bfloat16: bool = False

    @property
    def is_shipped(self) -> bool:
        """Whether this is what the package computes with on this device, without or with `--precision bf16`."""
        on_cpu = DEVICE == "cpu"
        return self.fused_attention and self.channels_last == on_cpu and self.own_backward == on_cpu


PLAIN = Variant("plain", fused_attention=False, channels_last=False, own_backward=False)
INNERMOST = "channels innermost"
INFERENCE = (
    PLAIN,
    Variant("fused attention", channels_last=False, own_backward=False),
    Variant("fused attention, bfloat16", channels_last=False, own_backward=False, bfloat16=True),
    Variant(f"fused attention, {INNERMOST}", own_backward=DEVICE == "cpu"),
    Variant(f"fused attention, {INNERMOST}, bfloat16", own_backward=DEVICE == "cpu", bfloat16=True),
)
TRAINING = (
    PLAIN,
    Variant("fused attention", channels_last=False, own_backward=False),
    Variant("fused attention, bfloat16", channels_last=False, own_backward=False, bfloat16=True),
    Variant(f"fused attention, {INNERMOST}", own_backward=False),
    *(
        (
            Variant(f"fused attention, {INNERMOST}, own depthwise backward"),
            Variant(f"fused attention, {INNERMOST}, own depthwise backward, bfloat16", bfloat16=True),
        )
        if DEVICE == "cpu"
        else (Variant(f"fused attention, {INNERMOST}, bfloat16", own_backward=False, bfloat16=True),)
    ),
)


def written_out(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Attention by its formula, with the whole matrix of shares in memory."""
    shares: Tensor = ((query @ key.transpose(-2, -1)) * query.shape[-1] ** -0.5).softmax(dim=-1)
    return shares @ value


@contextmanager
def as_variant(variant: Variant) -> Iterator[None]:
    """Bring encoders into one form, for a while."""
    with ExitStack() as stack:
        if not variant.fused_attention:
            stack.enter_context(mock.patch.object(functional, "scaled_dot_product_attention", written_out))
        if not variant.own_backward:
            stack.enter_context(mock.patch.object(DepthwiseConv3d, "_conv_forward", nn.Conv3d._conv_forward))
        layout = torch.channels_last_3d if variant.channels_last else torch.contiguous_format
        stack.enter_context(
            mock.patch.object(uniformer, "_in_fast_layout", lambda x: x.contiguous(memory_format=layout))
        )
        stack.enter_context(torch.autocast(DEVICE, torch.bfloat16) if variant.bfloat16 else nullcontext())
        yield


def infer(encoder: UniFormer, clips: Tensor) -> Tensor:
    """Embed in evaluation mode."""
    with torch.inference_mode():
        embeddings: Tensor = encoder.eval()(clips)
    return embeddings


def train(encoder: UniFormer, clips: Tensor) -> Tensor:
    """Go forward and backward."""
    embeddings: Tensor = encoder.train()(clips)
    torch.autograd.backward(embeddings.square().sum())
    return embeddings.detach()


def seconds(work: Callable[[UniFormer, Tensor], Tensor], encoder: UniFormer, clips: Tensor) -> float:
    """Time one piece of work, to its end on the device."""
    begin = time.perf_counter()
    work(encoder, clips)
    if DEVICE == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - begin


def compare(
    title: str,
    size: str,
    shape: tuple[int, ...],
    work: Callable[[UniFormer, Tensor], Tensor],
    variants: tuple[Variant, ...],
    rounds: int,
) -> Table:
    """Time the variants in turn, and check that they are the same network."""
    torch.manual_seed(0)
    encoder = UniFormer(SIZES[size]).to(DEVICE)
    clips = torch.randn(shape, device=DEVICE)
    times: dict[str, list[float]] = {variant.name: [] for variant in variants}
    moved = {}
    with as_variant(PLAIN):
        expected = infer(encoder, clips)
    for variant in variants:
        with as_variant(variant):
            moved[variant.name] = float((infer(encoder, clips) - expected).abs().max())
    for variant in variants:
        with as_variant(variant):
            seconds(work, encoder, clips)
    for _ in track(range(rounds), title, console=Console(stderr=True), transient=True):
        for variant in variants:
            with as_variant(variant):
                times[variant.name].append(seconds(work, encoder, clips))
    plain = min(times[PLAIN.name])
    table = Table(title=f"{title}, {DEVICE}, {torch.get_num_threads()} thread(s)")
    for column in ("form", "ms", "times faster", "output moves by"):
        table.add_column(column, justify="left" if column == "form" else "right")
    for variant in variants:
        best = min(times[variant.name])
        name = f"{variant.name} (as shipped)" if variant.is_shipped else variant.name
        table.add_row(name, f"{1000 * best:.1f}", f"{plain / best:.2f}", f"{moved[variant.name]:.1e}")
    return table


def main() -> None:
    """Print one table for each size and use."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1, help="threads of PyTorch on the CPU")
    torch.set_num_threads(parser.parse_args().threads)
    console = Console()
    one_clip, demo_batch = (1, 3, 36, 112, 112), (32, 3, 8, 56, 56)
    console.print(compare("small, one clip 36 x 112 x 112, inference", "small", one_clip, infer, INFERENCE, rounds=7))
    console.print(compare("small, one clip 36 x 112 x 112, training", "small", one_clip, train, TRAINING, rounds=3))
    if DEVICE == "cuda":
        step = (32, 3, 36, 112, 112)
        console.print(compare("small, 32 clips 36 x 112 x 112, inference", "small", step, infer, INFERENCE, rounds=5))
        console.print(compare("small, 32 clips 36 x 112 x 112, training", "small", step, train, TRAINING, rounds=5))
    console.print(compare("xs, 32 clips 8 x 56 x 56, inference", "xs", demo_batch, infer, INFERENCE, rounds=25))
    console.print(compare("xs, 32 clips 8 x 56 x 56, training", "xs", demo_batch, train, TRAINING, rounds=25))


if __name__ == "__main__":
    main()

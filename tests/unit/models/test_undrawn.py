import threading

import pytest
import torch
from torch import nn

from coreecho.models.registry import build_encoder, build_segmentation_network
from coreecho.models.undrawn import undrawn, without_memory

# The smallest of each kind: the others are the same code, and take seconds to draw.
RESNETS = ("r2plus1d_10", "r2plus1d_10_grey")
ENCODERS = ("uniformer_xs", *RESNETS, "colearning_xs", "uvt_xs", "uvt_xs_classes", "efgcn_xs", "efgcn_sd_xs")
SEGMENTERS = ("lv_unet_xs", "deeplab", "echographs_mobilenet2")
NETWORKS = [(build_encoder, name) for name in ENCODERS] + [(build_segmentation_network, name) for name in SEGMENTERS]


def values_of(network):
    return dict(network.named_parameters()) | dict(network.named_buffers())


@pytest.mark.parametrize(("build", "name"), NETWORKS, ids=[name for _, name in NETWORKS])
def test_loaded_it_holds_what_a_drawn_network_holds(build, name):
    drawn = build(name)
    before = torch.random.get_rng_state()
    with undrawn():
        network = build(name)
    assert torch.equal(torch.random.get_rng_state(), before)

    network.load_state_dict(drawn.state_dict())

    # Buffers that are kept in no file, too.
    values, expected = values_of(network), values_of(drawn)
    assert values.keys() == expected.keys()
    assert all(torch.equal(values[name], expected[name]) for name in expected)


@pytest.mark.parametrize(("build", "name"), NETWORKS, ids=[name for _, name in NETWORKS])
def test_without_memory_its_shapes_are_known(build, name):
    with without_memory():
        network = build(name)
    assert all(value.is_meta for value in network.state_dict().values())


def test_what_has_a_generator_of_its_own_is_drawn():
    def projection():
        return nn.init.normal_(torch.empty(8), generator=torch.Generator().manual_seed(3))

    with undrawn():
        again = projection()
    assert torch.equal(again, projection())


def test_another_thread_draws_as_ever():
    seen = []

    def draw():
        torch.manual_seed(0)
        seen.append(nn.Linear(3, 2).weight.detach().clone())

    with undrawn():
        thread = threading.Thread(target=draw)
        thread.start()
        thread.join()
    draw()
    assert torch.equal(*seen)


def test_who_draws_until_it_fits_is_not_kept_waiting():
    with undrawn():
        weight = nn.init.trunc_normal_(torch.full((64,), torch.nan), std=0.02)
    assert weight.abs().max() <= 2

from dataclasses import replace

import pytest
import torch

from coreecho.losses.phases import phase_signal_loss, uvt_loss
from coreecho.models.published_names import load_published
from coreecho.models.uvt import UVT, UVTS, TransformerLayer, UVTSettings

SMALL = UVTSettings(name="tiny", frame_size=32, channels=4, blocks=1, embedding_dim=32, layers=2, heads=4, mlp_width=48)


@pytest.mark.parametrize(("phases", "count"), [("signal", 346_871_234), ("classes", 346_871_748)])
def test_parameters_are_as_many_as_published(phases: str, count: int) -> None:
    with torch.device("meta"):
        model = UVT(UVTS["uvt"], phases)  # type: ignore[arg-type]
    assert sum(parameter.numel() for parameter in model.parameters()) == count


def test_names_and_shapes_are_the_published_ones() -> None:
    with torch.device("meta"):
        shapes = {name: tuple(value.shape) for name, value in UVT(UVTS["uvt"]).state_dict().items()}
    expected = {
        "AE.encoder.input_conv.0.weight": (8, 3, 3, 3),
        "AE.encoder.res_blk_list.3.7.residual_block.3.weight": (64, 64, 3, 3),
        "AE.encoder.res_blk_list.0.0.residual_block.4.running_var": (8,),
        "AE.encoder.conv_list.3.0.weight": (128, 64, 2, 2),
        "AE.encoder.multi_res_skip_list.0.0.weight": (128, 8, 16, 16),
        "AE.encoder.multi_res_skip_list.3.0.weight": (128, 64, 2, 2),
        "AE.encoder.output_conv.0.bias": (128,),
        "AE.fc1.weight": (1024, 8192),
        "T.layer.15.attention.self.query.weight": (1024, 1024),
        "T.layer.0.attention.output.dense.bias": (1024,),
        "T.layer.0.attention.output.LayerNorm.weight": (1024,),
        "T.layer.0.intermediate.dense.weight": (8192, 1024),
        "T.layer.0.output.dense.weight": (1024, 8192),
        "T.layer.15.output.LayerNorm.bias": (1024,),
        "extremas.0.weight": (512, 1024),
        "extremas.1.weight": (512,),
        "extremas.3.weight": (256, 512),
        "extremas.4.bias": (256,),
        "extremas.6.weight": (1, 256),
        "ejection.0.weight": (512, 1024),
        "ejection.1.bias": (512,),
        "ejection.3.weight": (1, 512),
    }
    assert {name: shapes.get(name) for name in expected} == expected
    with torch.device("meta"):
        assert UVT(UVTS["uvt"], "classes").state_dict()["extremas.6.weight"].shape == (3, 256)


@pytest.mark.parametrize("num_frames", [1, 5])
def test_outputs_lie_in_their_ranges(num_frames: int) -> None:
    torch.manual_seed(0)
    clips = torch.rand(2, 3, num_frames, 32, 32)
    with torch.inference_mode():
        output = UVT(SMALL).eval()(clips)
        classes = UVT(SMALL, "classes").eval()(clips)
    assert output.phases.shape == (2, num_frames)
    assert output.phases.abs().max() <= 1
    assert output.ef_fraction.shape == (2,)
    assert ((output.ef_fraction > 0) & (output.ef_fraction < 1)).all()
    assert classes.phases.shape == (2, num_frames, 3)


def test_frames_see_each_other_but_not_their_order() -> None:
    torch.manual_seed(0)
    model = UVT(SMALL).eval()
    clips = torch.rand(1, 3, 6, 32, 32)
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    with torch.inference_mode():
        plain, shuffled = model(clips), model(clips[:, :, order])
        torch.testing.assert_close(shuffled.phases, plain.phases[:, order], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(shuffled.ef_fraction, plain.ef_fraction, rtol=1e-4, atol=1e-5)
        changed = clips.clone()
        changed[:, :, 5] = 0
        assert (model(changed).phases[:, :5] - plain.phases[:, :5]).abs().max() > 1e-6


def test_a_layer_is_berts() -> None:
    """Against PyTorch's own encoder layer with the same weights: normalised after each addition, exact GELU."""
    torch.manual_seed(0)
    layer = TransformerLayer(SMALL).eval()
    oracle = torch.nn.TransformerEncoderLayer(
        32, 4, 48, dropout=0.0, activation="gelu", layer_norm_eps=1e-12, batch_first=True
    ).eval()
    ours = layer.state_dict()
    names = ("query", "key", "value")
    theirs = {
        "self_attn.in_proj_weight": torch.cat([ours[f"attention.self.{name}.weight"] for name in names]),
        "self_attn.in_proj_bias": torch.cat([ours[f"attention.self.{name}.bias"] for name in names]),
    }
    parts = {
        "self_attn.out_proj": "attention.output.dense",
        "norm1": "attention.output.LayerNorm",
        "linear1": "intermediate.dense",
        "linear2": "output.dense",
        "norm2": "output.LayerNorm",
    }
    for part, name in parts.items():
        theirs |= {f"{part}.{kind}": ours[f"{name}.{kind}"] for kind in ("weight", "bias")}
    oracle.load_state_dict(theirs)
    x = torch.randn(2, 7, 32)
    with torch.inference_mode():
        torch.testing.assert_close(layer(x), oracle(x), rtol=1e-4, atol=1e-5)


def test_the_stack_gives_the_mean_of_all_states() -> None:
    torch.manual_seed(0)
    stack = UVT(SMALL).eval().T
    x = torch.randn(1, 4, 32)
    with torch.inference_mode():
        first = stack.layer[0](x)
        second = stack.layer[1](first)
        torch.testing.assert_close(stack(x), (x + first + second) / 3)


def test_every_parameter_learns() -> None:
    torch.manual_seed(0)
    model = UVT(SMALL)
    output = model(torch.rand(2, 3, 4, 32, 32))
    (output.phases.square().sum() + output.ef_fraction.sum()).backward()
    idle = [name for name, value in model.named_parameters() if value.grad is None or not value.grad.any()]
    # A bias before a batch norm has no effect, and one of the keys shifts all logits alike: rounding may leave 0.
    assert [name for name in idle if not name.endswith(("key.bias", ".0.bias", ".3.bias"))] == []


def _pulsating_discs(clips: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Discs that contract by a share that is EF, from a phase of their own: clips, signal and EF in percent."""
    rows, columns = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
    distance = ((rows - 16) ** 2 + (columns - 16) ** 2).sqrt()
    signal = (2 * torch.pi * (torch.arange(8) / 8 + torch.rand(clips, 1))).cos()
    ef_percent = 20 + 50 * torch.rand(clips)
    radii = 11 * (1 - (1 - signal) / 2 * ef_percent[:, None] / 100)
    frames = (distance < radii[..., None, None]).float()
    return frames[:, None].expand(-1, 3, -1, -1, -1), signal, ef_percent


def test_it_learns_phases_and_ef() -> None:
    torch.manual_seed(0)
    model = UVT(replace(SMALL, dropout=0.0))
    optimiser = torch.optim.AdamW(model.parameters(), 3e-3)
    for _ in range(45):
        clips, signal, ef_percent = _pulsating_discs(6)
        output = model(clips)
        loss = uvt_loss(phase_signal_loss(output.phases, signal), output.ef_fraction, ef_percent)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    clips, signal, ef_percent = _pulsating_discs(32)
    with torch.inference_mode():
        output = model.eval()(clips)
    correlation = torch.corrcoef(torch.stack([output.phases.flatten(), signal.flatten()]))[0, 1]
    assert correlation > 0.9
    spread = (ef_percent - ef_percent.median()).abs().mean()
    assert (100 * output.ef_fraction - ef_percent).abs().mean() < 0.6 * spread


def test_a_file_with_the_published_names_loads() -> None:
    torch.manual_seed(0)
    one, other = UVT(SMALL).eval(), UVT(SMALL).eval()
    state = {f"module.{name}": value for name, value in other.state_dict().items()}
    assert load_published(one, {"epoch": 4, "state_dict": state}, "best.pt") == tuple(state)
    clips = torch.rand(1, 3, 3, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(one(clips).phases, other(clips).phases)


@pytest.mark.parametrize("shape", [(1, 1, 4, 32, 32), (3, 4, 32, 32), (1, 3, 4, 32, 48), (1, 3, 0, 32, 32)])
def test_wrong_clips_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"UVT expects clips \(B, 3, T, 32, 32\)"):
        UVT(SMALL)(torch.zeros(shape))


def test_settings_that_do_not_divide_are_refused() -> None:
    with pytest.raises(ValueError, match="frame_size must be a multiple of 16"):
        UVTSettings(name="odd", frame_size=100)

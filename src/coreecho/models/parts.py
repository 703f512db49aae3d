"""Names of encoders, heads and segmentation networks; other packages add to them, and any import path is a name, too.

Without PyTorch: a name that is mistyped is answered before anything heavy is imported.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from coreecho.registry import Registry

if TYPE_CHECKING:
    from torch import nn

    from coreecho.models.encoder import Encoder
    from coreecho.models.segmentation_network import SegmentationNetwork

# UniFormer in its sizes, `uniformer_small` being the paper's; and the networks that it is compared with.
ENCODERS: "Registry[Callable[..., Encoder]]" = Registry(
    "encoder",
    "coreecho.encoders",
    {name: f"coreecho.models.uniformer:{name}" for name in ("uniformer_xs", "uniformer_small", "uniformer_base")}
    | {name: f"coreecho.models.video_resnet:{name}" for name in ("r2plus1d_18", "mc3_18", "r3d_18", "r2plus1d_10")}
    | {
        name: f"coreecho.models.grey_video_resnet:{name}"
        for name in ("r2plus1d_18_grey", "r3d_18_grey", "r2plus1d_10_grey")
    }
    | {name: f"coreecho.models.colearning:{name}" for name in ("colearning", "colearning_xs")}
    | {name: f"coreecho.models.reading_encoders:{name}" for name in ("uvt", "uvt_classes", "uvt_xs", "uvt_xs_classes")}
    | {
        name: f"coreecho.models.reading_encoders:{name}"
        for name in ("efgcn", "efgcn_v2", "efgcn_tmp", "efgcn_tmp_v2", "efgcn_sd", "efgcn_sd_xs", "efgcn_xs")
    },
)
# Called with the embedding's dimension D, and with `dropout` and `last_bias` where they take them; (B, D) to (B, 1).
HEADS: "Registry[Callable[..., nn.Module]]" = Registry(
    "head",
    "coreecho.heads",
    {
        "mlp": "coreecho.models.head:MLPHead",
        "linear": "coreecho.models.head:LinearHead",
        "fraction": "coreecho.models.head:FractionHead",
    },
)
# CoReEcho's.
USUAL_HEAD = "mlp"
# What outlines the left ventricle: a small U-Net of ours in its sizes, EchoNet-Dynamic's, and EchoGraphs'.
SEGMENTERS: "Registry[Callable[..., SegmentationNetwork]]" = Registry(
    "segmentation network",
    "coreecho.segmenters",
    {name: f"coreecho.models.lv_unet:{name}" for name in ("lv_unet", "lv_unet_s", "lv_unet_xs")}
    | {"deeplab": "coreecho.models.deeplab:DeepLabV3"}
    | {
        name: f"coreecho.models.echographs_segmenter:{name}"
        for name in ("echographs_mobilenet2", "echographs_resnet18", "echographs_resnet50")
    },
)

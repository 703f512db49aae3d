"""Names of objectives and optimisers; other packages add to them, and any import path is a name, too.

Without PyTorch: a name that is mistyped is answered before anything heavy is imported.
"""

from typing import TYPE_CHECKING

from coreecho.registry import Registry

if TYPE_CHECKING:
    from torch.optim import Optimizer

    from coreecho.training.lesson import Lesson

OBJECTIVES: "Registry[type[Lesson]]" = Registry(
    "objective",
    "coreecho.objectives",
    {
        "rnc_l1": "coreecho.training.objectives:RncL1",
        "rnc": "coreecho.training.objectives:Rnc",
        "l1": "coreecho.training.objectives:L1",
        "mse": "coreecho.training.objectives:MSE",
        "huber": "coreecho.training.objectives:Huber",
        "bce": "coreecho.training.objectives:BCE",
        "lv_outline": "coreecho.training.outline_lessons:LVOutline",
        "traced_frames": "coreecho.training.outline_lessons:TracedFrames",
        "frame_points": "coreecho.training.frame_points:FramePoints",
        "uvt": "coreecho.training.beat_lessons:UVTPhases",
        "echographs_told": "coreecho.training.beat_lessons:PointsToldWhere",
        "echographs_finding": "coreecho.training.beat_lessons:PointsFindingWhere",
        "colearning": "coreecho.training.colearning_lesson:CoLearningLesson",
    },
)
OPTIMISERS: "Registry[type[Optimizer]]" = Registry(
    "optimizer",
    "coreecho.optimisers",
    {
        # CoReEcho's, EchoNet-Dynamic's, and that of the paper's HMC-QU experiment.
        "adamw": "torch.optim:AdamW",
        "adam": "torch.optim:Adam",
        "sgd": "torch.optim:SGD",
        "madgrad": "coreecho.training.madgrad:MADGRAD",
    },
)

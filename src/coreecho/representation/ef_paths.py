"""Paths of embeddings along EF: one simulated heart after another, each with its EF moved in small steps."""

import numpy as np

from coreecho.inference.engine import predict_video
from coreecho.inference.preparing import DEFAULT_CLIPS
from coreecho.models.echo_model import EchoModel
from coreecho.representation.phantom_truth import PhantomCohort
from coreecho.representation.smoothness import EFPath
from coreecho.video import even_starts, resize_frames

# From severely reduced to high normal, in steps that a reader would hardly see.
PATH_EF_PERCENT = tuple(range(20, 76, 5))


def embed_path(
    model: EchoModel, cohort: PhantomCohort, recording_id: str, *, clips: int = DEFAULT_CLIPS, batch_size: int = 8
) -> EFPath:
    """Move the EF of a phantom in steps of 5 points from 20 to 75 %, and embed each.

    Args:
        model: on the device that shall compute.
        cohort: of the phantom.
        recording_id: whose heart.
        clips: evenly placed clips of each video.
        batch_size: clips at once.
    """
    points, labels, predicted = [], [], []
    for ef_percent, frames in cohort.ef_path(recording_id, PATH_EF_PERCENT):
        resized = resize_frames(frames, model.model_input.frame_size)
        starts = even_starts(len(resized), model.model_input, clips)
        prediction = predict_video(model, resized, starts, batch_size=batch_size)
        points.append(prediction.embeddings.mean(axis=0))
        labels.append(ef_percent)
        predicted.append(prediction.value)
    return EFPath(recording_id, np.stack(points), np.array(labels), np.array(predicted))

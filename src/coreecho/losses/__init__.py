"""What a model is asked to minimise."""

from coreecho.losses.rank_n_contrast import rank_n_contrast_loss

__all__ = ["rank_n_contrast_loss"]

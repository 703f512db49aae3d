"""What a model is asked to minimise."""

from coreecho.losses.rank_n_contrast import RankNContrastLoss, rank_n_contrast_loss

__all__ = ["RankNContrastLoss", "rank_n_contrast_loss"]

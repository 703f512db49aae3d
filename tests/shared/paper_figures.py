"""What the paper prints: its tables' rows, columns and figures."""

# Written down from the paper, Tables 1 to 5. Pairs are mean and standard deviation of three runs.
FIGURES: dict[str, dict[str, tuple[float | tuple[float, float], ...]]] = {
    "table1": {
        "EchoNet-Dynamic: R(2+1)D-18, whole video": (4.05, 5.32, 81),
        "EchoCoTr, 1 clip": (3.95, 5.17, 82),
        "EchoNet-Dynamic: R(2+1)D-18, 3 clips": (),
        "EchoCoTr, 3 clips": (3.98, 5.30, 81),
        "CoReEcho, 3 clips": (3.90, 5.13, 82),
        "EchoNet-Dynamic: R(2+1)D-18, beat by beat": (4.05, 5.32, 81),
        "EchoNet-Dynamic [18], single heartbeat": (4.22, 5.56, 79),
        "UVT [19], single heartbeat": (5.32, 7.23, 64),
        "UVT [19], whole video": (5.95, 8.38, 52),
        "EchoGraphs [25], single heartbeat": (4.01, 5.36, 81),
        "EchoGraphs [25], whole video": (4.23, 5.67, 79),
    },
    "table2": {
        "L1 end to end": ((75.11, 1.73),),
        "L1 + L1st": ((77.07, 0.38),),
        "L1 + L1st + K400": ((81.50, 0.43),),
        "L1 + L1st + K400 + LP": ((81.59, 0.18),),
        "EchoCoTr": ((81.22, 0.80),),
        "RnC as first published": (),
    },
    "table3": {
        "L1st + A + 2xC": ((77.07, 0.38),),
        "L1st + A": ((76.93, 0.44),),
        "L1st + 2xC": ((68.24, 1.06),),
    },
    "table4": {
        "Wei et al. [27], regression": (0.725, 6.50, 0.674, 7.53),
        "Wei et al. [27], co-learning": (),
        "Scratch": (0.714, 6.20, 0.538, 8.28),
        "MLP probing from EchoCoTr": (0.660, 7.00, 0.401, 9.84),
        "MLP probing from CoReEcho": (0.730, 6.28, 0.570, 8.42),
        "Fine-tuning from EchoCoTr": (0.799, 5.33, 0.599, 7.49),
        "Fine-tuning from CoReEcho": (0.807, 5.29, 0.693, 6.81),
    },
    "table5": {
        "Degerli et al. [3], scratch": (85.97, 70.10, 85.52, 85.29, 80.24),
        "Saeed et al. [20], fine-tuning": (86.10, 78.21, 88.53, 87.09, 83.44),
        "Nguyen et al. [17], scratch": (83.30, 89.30, 94.20, 88.30, 85.10),
        "Scratch": (95.81, 38.57, 75.99, 84.36, 76.31),
        "MLP probing from EchoCoTr": (72.19, 81.07, 88.60, 78.90, 75.20),
        "MLP probing from CoReEcho": (93.05, 69.64, 87.20, 89.55, 85.18),
        "Fine-tuning from K400": (93.14, 64.64, 85.05, 88.25, 83.52),
        "Fine-tuning from EchoCoTr": (98.57, 72.50, 88.37, 92.96, 89.77),
        "Fine-tuning from CoReEcho": (92.95, 86.07, 93.55, 92.91, 90.64),
    },
}

# Of rows that train no UniFormer.
OTHER_ENCODERS = {
    "EchoNet-Dynamic: R(2+1)D-18, whole video": "r2plus1d_18",
    "EchoNet-Dynamic: R(2+1)D-18, 3 clips": "r2plus1d_18",
    "EchoNet-Dynamic: R(2+1)D-18, beat by beat": "r2plus1d_18",
    "EchoNet-Dynamic [18], single heartbeat": "r2plus1d_18",
    "UVT [19], single heartbeat": "uvt",
    "UVT [19], whole video": "uvt",
    "EchoGraphs [25], single heartbeat": "efgcn_v2",
    "EchoGraphs [25], whole video": "efgcn_sd",
    "Wei et al. [27], regression": "r3d_18",
    "Wei et al. [27], co-learning": "colearning",
    "Saeed et al. [20], fine-tuning": "r2plus1d_18_grey",
}

COLUMNS = {
    "table1": ("MAE", "RMSE", "R2 (%)"),
    "table2": ("R2 (%)", "MAE"),
    "table3": ("R2 (%)", "MAE"),
    "table4": ("G&M corr", "G&M MAE", "P corr", "P MAE"),
    "table5": ("Sens.", "Spec.", "Prec.", "F1", "Acc.", "AUROC"),
}

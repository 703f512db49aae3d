"""Where a model looks: Grad-CAM, and how much of it lies on the left ventricle."""

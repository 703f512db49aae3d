"""Heart rates from echocardiograms: an encoder, an objective, a task and a layout for coreecho."""

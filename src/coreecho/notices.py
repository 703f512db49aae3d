"""What every picture and table of this room says of itself: pictures travel without the text around them."""

PHANTOM_LABEL = "simulated hearts (phantoms)"
NOTICE = "CoReEcho · research software, not a medical device"

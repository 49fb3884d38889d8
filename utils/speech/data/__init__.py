"""Tables that come with the program: `voices.json`, made by `make.py` from what the engines report."""

"""fortifai: for how many generations can a generative model train on its own output before it collapses?"""

__version__ = "0.1.0"

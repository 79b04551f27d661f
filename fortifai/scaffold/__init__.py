"""The package that somebody begins with who brings a modality of their own: its templates, and how they are filled in."""

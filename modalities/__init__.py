"""The adapters shipped with fortifai, one folder a modality; each is found by its entry point, as a third party's is."""

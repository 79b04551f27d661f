"""The suites shipped with fortifai: one TOML file each, named after the suite."""

"""What others do against collapse, to stand beside truncation: strategies that plug in as anybody's do."""

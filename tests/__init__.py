"""Tests in tiers: unit, golden and hooks (seconds, no root), image (builds images), vm (boots machines)."""

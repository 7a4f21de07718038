"""What `scripts/bench` measures with: corpora, services, figures."""

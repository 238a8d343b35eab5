"""For the authors of plugins, and for our own tests: behaviour suites, clocks, recording hosts, real clusters."""

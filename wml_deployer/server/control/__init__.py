"""The control API for tests: faults, the request log, pacing, scripted predictions, limits, time and ids."""

"""Runs served over HTTP: predictions of pictures, and the Open Inference Protocol that other software calls."""

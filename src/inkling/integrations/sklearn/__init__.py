"""Estimators of scikit-learn over the networks and the training loop; `inkling.sklearn` has their names."""

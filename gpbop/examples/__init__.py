"""Real models to tune, installed with gpbop and run by `gpbop demo NAME`."""

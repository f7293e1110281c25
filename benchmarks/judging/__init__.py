"""How the compact judge is calibrated and tested: results, blind verdicts, features, figures."""

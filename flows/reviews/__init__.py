"""People's verdicts on flaws: saving them, comparing them with the judge's, fitting the judge."""

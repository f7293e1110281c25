"""Put flaws into words: the back ends of the role explainer, and checks of any author's text."""

"""Describe flaws: the back ends of the role explainer, and checks that apply to all of them."""

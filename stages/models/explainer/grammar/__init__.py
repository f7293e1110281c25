"""Explanations without a model: a grammar over the record's facts."""

from stages.models.explainer.grammar.explainer import GrammarExplainer

__all__ = ["GrammarExplainer"]

"""Run the stages: the command line, Prefect flows and schedules.

Flows know DVC stages by name and nothing of their internals; stages never import Prefect.
"""

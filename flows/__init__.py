"""What runs the stages: Prefect flows, schedules and the command line.

Flows know DVC stages by name and nothing of their insides; stages never import Prefect.
"""

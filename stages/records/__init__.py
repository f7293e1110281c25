"""The data that passes between stages: documents, images, masks and their geometry."""

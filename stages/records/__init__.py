"""What passes between stages: documents, images, masks and the geometry they share."""

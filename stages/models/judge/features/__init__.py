"""The compact judge: measures of a rendered flaw and a logistic model over them."""

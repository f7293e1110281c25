"""Judge whether the intended flaw is visible: the back ends of the role judge."""

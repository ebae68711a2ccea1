"""Pictures of an evaluation, each as a vector graphic and as PNG. Whoever draws one imports its module from here."""

"""A model version behind HTTP: guarded, validated, swapped without a gap, and logged."""

"""What feature gates of a cluster mean for the environment of its expressions."""

from app.core.model.features import Features
from app.core.selectors.environment import CelFeatures


def cel_features(features: Features) -> CelFeatures:
    """The environment of expressions that are stored in a cluster with these features."""
    return CelFeatures(
        list_type_attributes=features.list_type_attributes,
        consumable_capacity=features.consumable_capacity,
    )

"""The settings of the hub, with the bare API beside the product's."""

from statehub.settings import *  # noqa: F403 - all of them

ROOT_URLCONF = "bench.scale.bare"

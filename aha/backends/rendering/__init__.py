"""Chat templates, which are programs of whoever made a model: rendered in a process that can be killed."""

from aha.backends.rendering.renderer import Renderer, rendered, variables

__all__ = ["Renderer", "rendered", "variables"]

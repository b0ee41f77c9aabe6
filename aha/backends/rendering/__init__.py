"""Chat templates, which are programs of whoever made a model: rendered in a process that can be killed."""

from aha.backends.rendering.renderer import Renderer, render_template, variables

__all__ = ["Renderer", "render_template", "variables"]

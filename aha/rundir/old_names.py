"""Names of classes that files of earlier versions hold, and what they are called now. No other place knows the old names."""

from __future__ import annotations

from dataclasses import replace

from aha.rundir.manifest import Manifest, Setting

NEW_NAMES = {"Mixed": "MixedProblems", "Given": "FileExamples", "Waken": "ReinitUnusedEmbeddings"}


def with_new_names(manifest: Manifest) -> Manifest:
    """Return the manifest with today's name of each class that a setting or a stage names."""
    settings = {path: _renamed(setting) for path, setting in manifest.settings.items()}
    if manifest.frame is None:
        return replace(manifest, settings=settings)
    stages = {name: NEW_NAMES.get(kind, kind) for name, kind in manifest.frame.stages.items()}
    return replace(manifest, settings=settings, frame=replace(manifest.frame, stages=stages))


def _renamed(setting: Setting) -> Setting:
    value = setting.value
    return replace(setting, value=NEW_NAMES[value]) if isinstance(value, str) and value in NEW_NAMES else setting

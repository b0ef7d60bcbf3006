# SPDX-License-Identifier: MIT OR Apache-2.0
"""A Bevy project on this machine, in pure Python: deploy, undo, ask the running game.

    from dgx_pixels import project

    project.deploy({"knight.png": png}, to="sprites/", confirm=True)

It writes what the C library's dgxp_deploy() writes, byte for byte, and either can undo the other's
deployments.  It needs nothing but Python, so it also runs on Windows and macOS, where the game may be
developed while another machine paints.
"""

from .brp import GAME, Game, GameError, confirm
from .deploy import check_place, deploy, undo_deploy

__all__ = ["GAME", "Game", "GameError", "confirm", "check_place", "deploy", "undo_deploy"]
